#!/usr/bin/env python3
"""Runs the sections of the torture suite one after the other, and writes what they did and saw to docs/reliability.md:

    python3 tests/torture/torture.py --short               a little of everything, for `make test`; writes nothing
    python3 tests/torture/torture.py --minutes 30          the real run (`make torture`)
    python3 tests/torture/torture.py --only money,network  some sections; the others keep their part of the report

README.md beside this file says what a section is.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
REPORT = ROOT / "docs" / "reliability.md"

#: The parts of the report in their order, and each one's share of the time. The first ones are subcommands of the crate here;
#: the others are programs, `<name>/run`. What else lies here as `<name>/run` is a section too, after these.
SHARES = {"money": 4, "network": 3, "processes": 2, "credentials": 1, "leaks": 2, "secrets": 1, "batch": 2}
OF_THE_CRATE = ("money", "network")
#: Seconds that a section takes in the short form, about.
SHORT = 15

TOTAL = re.compile(r"(\d+) passed, (\d+) failed\s*")
OPENS, CLOSES = "<!-- report -->", "<!-- /report -->"


@dataclass(frozen=True)
class Section:
    name: str
    command: tuple[str, ...]
    share: int


@dataclass(frozen=True)
class Outcome:
    passed: int
    failed: int
    seconds: float
    markdown: str


def built() -> str:
    """The crate's program."""
    folder = subprocess.run([sys.executable, ROOT / "scripts" / "programs"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    return str(Path(folder) / ("infrai-torture.exe" if os.name == "nt" else "infrai-torture"))


def sections(chosen: list[str]) -> list[Section]:
    """Those chosen by name, or all that there are."""
    programs = sorted(path.parent.name for path in HERE.glob("*/run"))
    names = [name for name in SHARES if name in OF_THE_CRATE or name in programs]
    names += [name for name in programs if name not in names]
    unknown = [name for name in chosen if name not in names]
    if unknown:
        sys.exit(f"There is no section {', '.join(unknown)}; there are: {', '.join(names)}")
    names = [name for name in names if name in (chosen or names)]
    program = built() if set(names) & set(OF_THE_CRATE) else ""
    commands = {name: (program, name) if name in OF_THE_CRATE else (str(HERE / name / "run"),) for name in names}
    return [Section(name, commands[name], SHARES.get(name, 1)) for name in names]


def stop(process: subprocess.Popen[str]) -> None:
    """Ends a section that hangs, with all that it started."""
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def play(section: Section, arguments: list[str], limit: float) -> Outcome:
    """Runs a section, shows what it says, and keeps its report. What ends without a count, or badly, has failed."""
    command = [*section.command, *arguments]
    print(f"\n$ {' '.join([f'{section.name}/{Path(command[0]).name}', *command[1:]])}", flush=True)
    begun = time.monotonic()
    counted: tuple[int, int] | None = None
    report: list[str] = []
    inside = whole = False
    if not os.access(command[0], os.X_OK):
        print(f"FAILED: {section.name}: {Path(command[0]).name} is no program", flush=True)
        return Outcome(0, 1, 0, "")
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace", start_new_session=True
    ) as process:
        watchdog = threading.Timer(limit, stop, [process])
        watchdog.start()
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == OPENS:
                inside = True
            elif line.strip() == CLOSES:
                inside, whole = False, True
            elif found := TOTAL.fullmatch(line):
                counted = int(found[1]), int(found[2])
            else:
                print(line, end="", flush=True)
                if inside:
                    report.append(line)
        process.wait()
        hung = not watchdog.is_alive()
        watchdog.cancel()
    passed, failed = counted or (0, 0)
    problems = []
    if hung:
        problems.append(f"it was still running after {limit:.0f} s")
    if counted is None:
        problems.append("it printed no line `N passed, N failed`")
    if not whole:
        problems.append(f"it printed no report between {OPENS} and {CLOSES}")
    if process.returncode != 0 and not failed:
        problems.append(f"it exited with {process.returncode}")
    for problem in problems:
        print(f"FAILED: {section.name}: {problem}", flush=True)
    return Outcome(passed, failed + len(problems), time.monotonic() - begun, "".join(report).strip())


def packages() -> list[str]:
    """The Python and the npm package, where `make bench` has built them."""
    built = ROOT / ".cache" / "bench"
    python, node = built / "python-sdk" / "bin" / "python", built / "node-sdk"
    return [*(["--python", str(python)] if python.exists() else []), *(["--node", str(node)] if (node / "node_modules").exists() else [])]


def said(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return done.stdout.strip() if done.returncode == 0 else ""


def machine() -> str:
    """What was run on, without its name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor() or platform.machine()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{processor}, {cores} cores, {platform.system()} {platform.release().split('-')[0]}"


def commit() -> str:
    """The commit that was run, and whether anything but the report differs from it."""
    changed = said("git", "status", "--porcelain", "--", ".", f":!{REPORT.relative_to(ROOT)}")
    return said("git", "rev-parse", "--short=10", "HEAD") + (" with changes" if changed else "")


def marks(name: str) -> tuple[str, str]:
    return f"<!-- part: {name} -->", f"<!-- /part: {name} -->"


def keep(name: str, part: str) -> None:
    """Puts a section's part into the report in the place of the one before."""
    opens, closes = marks(name)
    text = REPORT.read_text(encoding="utf-8") if REPORT.exists() else ""
    before, found, rest = text.partition(opens)
    after = rest.partition(closes)[2] if found else "\n"
    REPORT.write_text(f"{before.rstrip()}\n\n{opens}\n{part}\n{closes}{after}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="the form that is part of `make test`")
    parser.add_argument("--minutes", type=float, default=30, help="how long all chosen sections take together, about (default: 30)")
    parser.add_argument("--seed", type=int, help="what chance starts from (default: 1 with --short, else a fresh one)")
    parser.add_argument("--only", default="", help="sections by name, separated by commas")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else 1 if options.short else secrets.randbelow(2**31)
    chosen = sections([name.strip() for name in options.only.split(",") if name.strip()])
    shares = sum(section.share for section in chosen)
    print(f"seed {seed}", flush=True)
    rows, broken = [], 0
    for section in chosen:
        seconds = SHORT if options.short else max(SHORT, round(options.minutes * 60 * section.share / shares))
        arguments = ["--short" if options.short else "--long", "--seed", str(seed), "--seconds", str(seconds)]
        if section.name == "money" and not options.short:
            arguments += packages()
        run = commit()
        outcome = play(section, arguments, 4 * seconds + 600)
        rows.append((section.name, outcome))
        broken += outcome.failed
        if not options.short:
            today = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M")
            how = f"{today} UTC, commit {run}, seed {seed}, {outcome.seconds:.0f} s on {machine()}"
            keep(section.name, f"{outcome.markdown}\n\n{outcome.passed} passed, {outcome.failed} failed ({how}).")
    print("\nsection            passed  failed   seconds")
    for name, outcome in rows:
        print(f"{name:<18} {outcome.passed:>6} {outcome.failed:>7} {outcome.seconds:>9.0f}")
    if broken:
        print(f"\nTo see it again: python3 tests/torture/torture.py {'--short ' if options.short else ''}--seed {seed}")
    print(f"\n{sum(outcome.passed for _, outcome in rows)} passed, {broken} failed")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
