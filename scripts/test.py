#!/usr/bin/env python3
"""Runs the test suites by name (all of them by default), shows what they say, and adds up what passed.

Three suites run at a time, as most of them wait more than they compute; those of one chain follow one another.

A suite is one or more commands. One that prints a line "N passed, N failed" is counted by the last such line, one that
prints cargo's "N passed; N failed" by all of them together; any other counts as one. A command that ends badly without having said so counts as one failure.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COUNTS = re.compile(r"\b(\d+) passed[;,] (\d+) failed")
TOTAL = re.compile(r"(?:\w[^:]*: )?(\d+) passed, (\d+) failed\s*")
#: Colours that a tool leaves on the line that is read.
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
#: The lines by which pytest, cargo, Node's runner, unittest, Maven, XCTest and this project's own runners name what failed.
FAILURE = re.compile(r"FAILED|DID NOT HOLD|^\s*(✖|not ok|FAIL|ERROR)\b|^\s*✖|\bpanicked at\b|^error(\[\w+\])?: |^E  |\[ERROR\]|: error: ")
CI = os.environ.get("CI") == "true"

CARGO = os.environ.get("CARGO", "cargo")
PYTHON = sys.executable

#: Each suite's commands, in the order in which they run: quick ones first.
SUITES: dict[str, list[list[str]]] = {
    "format": [[CARGO, "fmt", "--all", "--check"]],
    "words": [[PYTHON, "scripts/check_words.py"]],
    "layers": [[PYTHON, "scripts/test_layers.py"], [PYTHON, "scripts/check_layers.py"]],
    "versions": [[PYTHON, "scripts/versions.py"]],
    "packages": [[PYTHON, "scripts/test_release.py"]],
    "workflows": [["make", "--no-print-directory", "workflows"]],
    # The generator's one line calls uniffi_bindgen, which takes a minute to check; `make test-long` has it.
    "clippy": [[CARGO, "clippy", "--locked", "--workspace", "--exclude", "infrai-uniffi-bindgen", "--all-targets", "--", "-D", "warnings"]],
    "rust": [[CARGO, "test", "--locked", "--workspace", "--no-fail-fast"]],
    "openapi": [[PYTHON, "tests/openapi/run-tests"]],
    "mcp": [[PYTHON, "cli/mcp-tests/run-tests"]],
    "docs": [["make", "--no-print-directory", "doc"]],
    "site": [[PYTHON, "scripts/snippets.py"], [PYTHON, "scripts/check_api.py"], [PYTHON, "scripts/test_site.py"]],
    "deny": [["scripts/tool", "cargo-deny", "check", "licenses", "bans", "sources"]],
    "python": [[PYTHON, "bindings-python/run-tests"]],
    "python-command": [[PYTHON, "bindings-python/run-tests", "command"]],
    "node": [["bindings-node/run-tests"]],
    "ai-sdk": [["integrations/ai-sdk/run-tests"]],
    "kotlin": [["bindings-kotlin/run-tests"]],
    "swift": [[PYTHON, "bindings-swift/run-tests"]],
    "sandbox-page": [[PYTHON, "sandbox/page-tests/run-tests"]],
    "mobile-size": [["bindings-uniffi/check-size"]],
    "conformance-rust": [[PYTHON, "scripts/programs", "infrai-conformance-rust"]],
    "conformance-python": [[PYTHON, "bindings-python/run-tests", "conformance"]],
    "conformance-node": [["bindings-node/run-tests", "conformance"]],
    "conformance-kotlin": [["bindings-kotlin/run-tests", "conformance"]],
    "conformance-swift": [[PYTHON, "bindings-swift/run-tests", "conformance"]],
    "torture": [[PYTHON, "tests/torture/test_torture.py"], [PYTHON, "tests/torture/torture.py", "--short"]],
    "benches": [[PYTHON, "benches/test_frame.py"], [PYTHON, "benches/bench.py", "--smoke"]],
}


#: What a suite's name begins with, and the toolchain that it fetches where it is missing and may be.
TOOLCHAINS = {"kotlin": "kotlin", "conformance-kotlin": "kotlin", "sandbox-page": "chromium", "swift": "swift", "conformance-swift": "swift"}


def fetch_ahead(suites: list[str]) -> threading.Thread:
    """Fetches the toolchains of later suites while earlier ones compile. What fails here, the suite itself tries again, and says so."""
    wanted = list(dict.fromkeys(TOOLCHAINS[name] for name in suites if name in TOOLCHAINS))

    def fetch() -> None:
        for name in wanted:
            command = [str(ROOT / "scripts" / "toolchains" / name), "true"]
            subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    thread = threading.Thread(target=fetch, daemon=True)
    if CI or os.environ.get("FETCH_TOOLCHAINS") == "1":
        thread.start()
    return thread


#: Suites that share a folder and cannot run at the same time: an environment of packages, a build, what is installed.
#: Chains begin in this order. What no other suite needs compiles last. A suite that none of them names is a chain of its own.
CHAINS = [
    ["format", "words", "layers", "versions", "packages", "workflows", "rust", "docs", "conformance-rust", "openapi", "mcp", "site", "mobile-size", "clippy"],
    ["python", "conformance-python", "node", "conformance-node", "ai-sdk", "torture", "benches"],
    ["kotlin", "conformance-kotlin"],
    ["swift", "conformance-swift"],
]
LANES = 3
#: Suites that build what the others run, and so come last, alone.
LAST = ["python-command"]


@dataclass
class Result:
    suite: str
    passed: int
    failed: int
    seconds: float
    cpu: float
    failures: list[str]


def run(command: list[str], prefix: str, failures: list[str]) -> tuple[int, int, float]:
    """Runs a command and passes its output on; returns how much passed and failed, and the processor time.

    A command that failed adds the lines that name its failures, or else its last ones.
    """
    named: list[str] = []
    last: deque[str] = deque(maxlen=20)
    print(f"\n{prefix}$ {' '.join(command)}", flush=True)
    passed = failed = counted = 0
    total: tuple[int, int] | None = None
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(prefix + line)
            sys.stdout.flush()
            line = COLOURS.sub("", line)
            last.append(line.rstrip())
            if FAILURE.search(line) and len(named) < 60:
                named.append(line.rstrip())
            if found := TOTAL.fullmatch(line):
                total = int(found[1]), int(found[2])
            elif found := COUNTS.search(line):
                counted += 1
                passed += int(found[1])
                failed += int(found[2])
        cpu = 0.0
        if hasattr(os, "wait4"):
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            cpu = used.ru_utime + used.ru_stime
    if total is not None:
        passed, failed = total
    elif not counted:
        passed, failed = (1, 0) if process.returncode == 0 else (0, 1)
    if process.returncode != 0 and failed == 0:
        failed = 1
    if failed:
        failures += [f"$ {' '.join(command)}", *(named or last)]
    return passed, failed, cpu


def run_chain(suites: list[str], fetching: threading.Thread, width: int) -> list[Result]:
    results = []
    for name in suites:
        begun, failures = time.monotonic(), list[str]()
        if name in TOOLCHAINS and fetching.is_alive():
            fetching.join()
        prefix = f"{name:<{width}} | " if width else ""
        passed, failed, cpu = (sum(column) for column in zip(*(run(command, prefix, failures) for command in SUITES[name])))
        results.append(Result(name, passed, failed, time.monotonic() - begun, cpu, failures))
    return results


def main() -> int:
    names = sys.argv[1:] or list(SUITES)
    chosen = [suite for name in names for suite in SUITES if suite == name or suite.startswith(f"{name}-")]
    unknown = [name for name in names if not any(s == name or s.startswith(f"{name}-") for s in SUITES)]
    if unknown:
        print(f"There is no suite {', '.join(unknown)}; there are: {', '.join(SUITES)}", file=sys.stderr)
        return 2
    if shutil.which(CARGO) is None:
        print("cargo is not on the PATH: install Rust (rustup) first", file=sys.stderr)
        return 2
    begun = time.monotonic()
    fetching = fetch_ahead(chosen)
    alone = [[suite] for suite in SUITES if suite not in LAST and not any(suite in chain for chain in CHAINS)]
    chains = [[suite for suite in chain if suite in chosen] for chain in CHAINS + alone]
    chains = [chain for chain in chains if chain]
    width = max(map(len, chosen)) if len(chains) > 1 else 0
    with ThreadPoolExecutor(LANES) as lanes:
        results = [result for chain in lanes.map(lambda chain: run_chain(chain, fetching, width), chains) for result in chain]
    results += run_chain([suite for suite in LAST if suite in chosen], fetching, width)
    for result in results:
        if result.failures:
            print(f"\nFailures of {result.suite}:\n  " + "\n  ".join(result.failures))
    print("\nsuite              passed  failed   seconds    of CPU")
    for result in results:
        print(f"{result.suite:<18} {result.passed:>6} {result.failed:>7} {result.seconds:>9.0f} {result.cpu:>9.0f}")
    passed, failed = sum(result.passed for result in results), sum(result.failed for result in results)
    print(f"{'all':<18} {passed:>6} {failed:>7} {time.monotonic() - begun:>9.0f} {sum(result.cpu for result in results):>9.0f}")
    print(f"\n{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
