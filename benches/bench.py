#!/usr/bin/env python3
"""Runs the benchmarks, prints their tables and writes benches/RESULTS.md:

    python3 benches/bench.py                     all sections, quickly
    python3 benches/bench.py --long              the same, thoroughly
    python3 benches/bench.py --only calls,start  sections by name, or by a part of it; the other sections keep their results
    python3 benches/bench.py --smoke             every section in small, without peers, as a test of the benchmarks

README.md in this folder explains the tables.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from frame import build, machine, places, report
from frame.report import Result
from frame.workers import Failed
from sections import calls, download, many, polling, sandbox, start
from sections.settings import Settings


@dataclass(frozen=True)
class Section:
    name: str
    title: str
    run: Callable[[Settings], Result]


#: In the order of the results.
SECTIONS = [
    Section("rust-calls", "Calls: Rust", calls.rust),
    Section("python-calls", "Calls: Python", calls.python),
    Section("node-calls", "Calls: Node.js", calls.node),
    Section("python-start", "Start: Python", start.python),
    Section("node-start", "Start: Node.js", start.node),
    Section("rust-many", "Ten thousand jobs: Rust", many.rust),
    Section("python-many", "Ten thousand jobs: Python", many.python),
    Section("node-many", "Ten thousand jobs: Node.js", many.node),
    Section("download", "Download", download.run),
    Section("sandbox", "Sandbox", sandbox.run),
]
if polling.FOLDER.is_dir():
    SECTIONS.append(Section("polling", "Polling", polling.run))

RESULTS = places.BENCHES / "RESULTS.md"


def chosen(names: str) -> list[Section]:
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if not any(name in section.name for section in SECTIONS)]
    if unknown:
        sys.exit(f"There is no section {', '.join(unknown)}; there are: {', '.join(section.name for section in SECTIONS)}")
    return [section for section in SECTIONS if not wanted or any(name in section.name for name in wanted)]


def attempt(section: Section, settings: Settings) -> tuple[Result | None, str]:
    """Runs a section; returns its result, or none and the problem."""
    try:
        return section.run(settings), ""
    except (AssertionError, Failed, OSError, subprocess.CalledProcessError) as error:
        output = getattr(error, "stderr", None) or ""
        return None, f"{section.name} FAILED: {error}\n{output[-2000:]}".rstrip()


def smoke(settings: Settings, sections: list[Section]) -> int:
    """Runs every section in small. They run side by side, because no figure counts; their programs are built before."""
    build.programs(settings.profile, "infrai-bench-server", "infrai-bench-rust", "infrai-cli")
    build.python_sdk()
    build.node_sdk()
    failed = 0
    with ThreadPoolExecutor(4) as pool:
        for section, (result, problem) in zip(sections, pool.map(lambda each: attempt(each, settings), sections)):
            print(problem or f"{section.name}: {len(result.parts) if result else 0} parts", flush=True)
            failed += result is None
    print(f"{len(sections) - failed} passed, {failed} failed")
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="sections by name, or by a part of it, separated by commas")
    parser.add_argument("--long", action="store_true", help="longer rounds, and more of them")
    parser.add_argument("--smoke", action="store_true", help="every section in small, without peers; prints N passed, N failed")
    parser.add_argument("--realtime", action="store_true", help="give the measured processes real-time priority (needs root)")
    options = parser.parse_args()
    if options.realtime:
        os.environ["BENCH_REALTIME"] = "1"
    settings = Settings(long=options.long, smoke=options.smoke, realtime=options.realtime)
    if settings.smoke:
        return smoke(settings, chosen(options.only))
    passed = failed = 0
    for section in chosen(options.only):
        begun = time.monotonic()
        print(f"\n## {section.title}\n", flush=True)
        result, problem = attempt(section, settings)
        if result is None:
            print(problem, flush=True)
            failed += 1
            continue
        passed += 1
        print(result.markdown())
        for failure in result.failures:
            print(f"\nDID NOT RUN: {failure}")
        print(f"\n({time.monotonic() - begun:.0f} s)", flush=True)
        report.keep(section.name, machine.today(settings.how), result)
    titles = [(section.name, section.title) for section in SECTIONS]
    RESULTS.write_text(report.assembled(machine.description(), titles), encoding="utf-8")
    print(f"\nWritten: {RESULTS.relative_to(places.ROOT)}")
    print(f"\n{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
