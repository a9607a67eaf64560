"""Description of the measured machine, without its name."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from .places import CARGO, ROOT


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, stdin=subprocess.DEVNULL)
    except OSError:
        return "none"
    return done.stdout.splitlines()[0].strip() if done.returncode == 0 and done.stdout else "none"


def _version(text: str) -> str:
    found = re.search(r"\d+(\.\d+)+", text)
    return found[0] if found else text


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    except (AttributeError, ValueError, OSError):
        return "unknown"


def description() -> str:
    """Returns a table of the hardware and the versions that the figures depend on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    rows = [
        ("processor", f"{_processor()}, {cores} cores"),
        ("memory", _memory()),
        ("system", f"{platform.system()} {_version(platform.release())}, {platform.machine()}"),
        ("Rust", _version(_first_line(CARGO, "--version"))),
        ("Python", platform.python_version()),
        ("Node.js", _version(_first_line("node", "--version"))),
        ("curl", _version(_first_line("curl", "--version"))),
    ]
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)])


def today(how: str) -> str:
    """Returns the date, the commit and the kind of run."""
    commit = _first_line("git", "rev-parse", "--short", "HEAD")
    status = _first_line("git", "status", "--porcelain", "--", "core", "bindings-python", "bindings-node")
    changed = "" if status == "none" else ", changed"
    return f"{datetime.now(timezone.utc):%Y-%m-%d}, commit {commit}{changed}, {how}"
