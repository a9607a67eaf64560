#!/usr/bin/env python3
"""Writes the README's figures from benches/RESULTS.md as it is in git: Python's throughput relative to other Python clients.

    scripts/readme_figures.py            writes the README's block
    scripts/readme_figures.py --check    fails if the README has other figures; ends with "N passed, N failed"
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BEGIN, END = "<!-- figures of benches/RESULTS.md, by scripts/readme_figures.py -->\n", "<!-- end of the figures -->"
SECTION = "## Calls: Python\n"
MODES = ["One after another", "64 at once"]
#: The rows; an async client is compared with the SDK's async one.
PEERS = ["urllib3", "httpx", "openai", "aiohttp async", "httpx async", "openai async"]
MORE = "[benches/RESULTS.md](benches/RESULTS.md) has every figure and goal, [benches/README.md](benches/README.md) explains them.\n"
NONE = "`make bench` compares it with other clients on your machine and writes `benches/RESULTS.md`.\n"


def results() -> str | None:
    """Returns the results as they are in git, so that a local run does not count."""
    done = subprocess.run(["git", "show", ":benches/RESULTS.md"], cwd=ROOT, capture_output=True, check=False)
    return done.stdout.decode("utf-8") if done.returncode == 0 else None


def ratios(section: str, mode: str) -> dict[str, str]:
    """Returns the median ratio of each client, from the table of a mode on one core: `16.2 (13.3..34.1)` is 16.2."""
    table = section.partition(f"| {mode}, one core |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {name: ratio.split(" ")[0] for name, *_, ratio in rows if ratio}


def block(text: str) -> str:
    """Returns the README's block. Raises ValueError if the results have no ratios of Python's calls."""
    section = text.partition(SECTION)[2].partition("\n## ")[0]
    columns = [ratios(section, mode) for mode in MODES]
    if not all(columns):
        raise ValueError("benches/RESULTS.md has no ratios of Python's calls")
    rows = [[peer, *(f"{column[peer]} ×" if peer in column else "–" for column in columns)] for peer in PEERS]
    head = [f"Relative to | {' | '.join(MODES).lower()}", f"--- |{' ---: |' * len(MODES)}".removesuffix(" |")]
    table = "".join(f"| {line} |\n" for line in [*head, *(" | ".join(row) for row in rows)])
    return f"Relative throughput of `status` calls from Python, client and server on one core; higher is better.\n\n{table}\n{MORE}"


def main() -> int:
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    text = README.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit("README.md has no block for the figures, or more than one")
    before, rest = text.split(BEGIN)
    shown, after = rest.split(END)
    found = results()
    wanted = NONE if found is None else block(found)
    if sys.argv[1:] == ["--check"]:
        same = shown == wanted
        if not same:
            print("README.md has other figures than benches/RESULTS.md: run scripts/readme_figures.py")
        print(f"{int(same)} passed, {int(not same)} failed")
        return 0 if same else 1
    README.write_text(before + BEGIN + wanted + END + after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
