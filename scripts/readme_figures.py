#!/usr/bin/env python3
"""Puts the figures of benches/RESULTS.md, as it is in git, into the README: medians of ratios alone, and what was missed.

    scripts/readme_figures.py            writes the README's block
    scripts/readme_figures.py --check    fails if the README says anything else; ends with "N passed, N failed"
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BEGIN, END = "<!-- figures of benches/RESULTS.md, by scripts/readme_figures.py -->\n", "<!-- end of the figures -->"
GOAL = re.compile(r"^\| (?P<section>[^|]+) \| (?P<goal>[^|]+?) [≥≤] (?P<wanted>[^|]+?) +\| (?P<measured>[^|]+?) +\| (?P<end>[^|]+) \|$", re.MULTILINE)
#: What the table shows: the words for a row, the section, and what is measured with its bare counterpart and its peers.
CALLS = "one after another, one core: "
ROWS = [
    ("Calls from Rust", "Calls: Rust", f"{CALLS}core / ", ["hyper-util", "reqwest"]),
    ("Calls from Python", "Calls: Python", f"{CALLS}infrai / ", ["reqwest", "urllib3", "httpx", "openai"]),
    ("Calls from Python, async", "Calls: Python", f"{CALLS}infrai async / ", ["reqwest", "httpx async", "openai async"]),
    ("Calls from Node", "Calls: Node.js", f"{CALLS}infrai / ", ["undici", "fetch", "openai"]),
    ("Saving a file, from Rust", "Download", "to disk: Rust / ", ["curl"]),
    ("Saving a file, from Python", "Download", "to disk: Python / ", ["curl"]),
    ("Saving a file, from Node", "Download", "to disk: Node.js / ", ["curl"]),
]
NONE = "`make bench` measures it beside other clients on your machine, and writes what came out into `benches/RESULTS.md`.\n"


def results() -> str | None:
    """The results as they are in git; a run of one's own changes nothing here."""
    done = subprocess.run(["git", "show", ":benches/RESULTS.md"], cwd=ROOT, capture_output=True, check=False)
    return done.stdout.decode("utf-8") if done.returncode == 0 else None


def median(measured: str) -> str:
    """`16.2 (13.3..34.1)` is 16.2."""
    return measured.split(" ")[0]


def block(text: str) -> str:
    """The README's block. Raises ValueError for results that it cannot read."""
    goals = [found.groupdict() for found in GOAL.finditer(text)]
    if not goals:
        raise ValueError("benches/RESULTS.md has no goals that could be read")
    measured = {(goal["section"], goal["goal"]): median(goal["measured"]) for goal in goals}
    lines = []
    for words, section, prefix, peers in ROWS:
        shown = [f"{measured[section, prefix + peer]} × {peer}" for peer in peers if (section, prefix + peer) in measured]
        if shown:
            lines.append(f"| {words} | {', '.join(shown)} |")
    missed = [goal for goal in goals if goal["end"].strip() != "met"]
    counts: dict[str, int] = {}
    for goal in missed:
        counts[goal["section"]] = counts.get(goal["section"], 0) + 1
    told = "; ".join(f"{section}: {count}" for section, count in counts.items())
    rest = f"The others ({told}) stand there with the figures." if missed else ""
    return (
        (
            "Medians of ratios, side by side on one machine; × is how many times as much as the other gets done in the same time, so that less than 1 is slower.\n\n"
            "| | one after another, one core |\n| --- | --- |\n" + "\n".join(lines) + "\n\n"
            if lines
            else ""
        )
        +        f"Of {len(goals)} goals, {len(goals) - len(missed)} are met. {rest}".rstrip()
        + "\n[benches/RESULTS.md](benches/RESULTS.md) has every figure with its spread, [benches/README.md](benches/README.md) how to read them.\n"
    )


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
