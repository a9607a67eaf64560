#!/usr/bin/env python3
"""Runs the native code under AddressSanitizer, LeakSanitizer and valgrind; says loudly what could not be run.

sanitize.py [--only WORDS]        (make sanitize; not part of make test)

| tool | runs | needs |
| --- | --- | --- |
| AddressSanitizer, LeakSanitizer | the conformance scenarios in Rust; calls, clients, waits and forks; the core's own tests | a nightly Rust |
| valgrind | calls, clients and waits in Rust, Python and Node | valgrind; the built packages |

Rust's errors all count; of the interpreters' those whose stack goes through the SDK's module.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml
from collections.abc import Callable
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from kit import packages
from kit.server import BenchServer, ScriptedServer

HERE = Path(__file__).resolve().parent
CARGO = os.environ.get("CARGO", "cargo")
#: No more than any of them takes, under a tool that makes it fifty times as slow.
LIMIT = 3600
#: The module in Python and in Node, and all of a Rust program.
OURS = re.compile(r"/(_native[^/]*\.so|infrai[^/]*\.node|infrai-torture-probe)$")
#: What napi-rs keeps of its classes once an environment of Node's: 120 bytes, made while the module is loaded.
KEPT = "napi::bindgen_runtime::module_register::register_classes"


class Missing(Exception):
    """What this machine lacks, and where it comes from."""


def run(command: list[str], what: str, own_home: bool = True, **environment: str) -> str:
    """What a command says, which has to work. Builds find their tools in the caller's home."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            command,
            cwd=packages.ROOT,
            env={**(packages.environment(home) if own_home else os.environ), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=LIMIT,
            check=False,
        )
    assert done.returncode == 0, f"{what} ended with {done.returncode}\n{done.stdout[-8000:]}"
    return done.stdout


def folder(name: str) -> Path:
    """A place beside the other builds, which `make clean` removes with them."""
    return packages.places.target() / "sanitize" / name


@cache
def host() -> str:
    told = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    return next(line.split()[1] for line in told.splitlines() if line.startswith("host:"))


def nightly(*words: str) -> list[str]:
    if (
        shutil.which("rustup") is None
        or subprocess.run(["rustup", "run", "nightly", "rustc", "--version"], capture_output=True).returncode
    ):
        raise Missing("a nightly Rust, the only one with sanitizers: rustup toolchain install nightly --profile minimal")
    return [
        "rustup",
        "run",
        "nightly",
        "cargo",
        *words,
        "--locked",
        "--quiet",
        "--target",
        host(),
        "--target-dir",
        str(folder("address")),
    ]


#: The sanitizers' switches: stacks that are used after their function has returned, and what is left at the end.
ADDRESS = {
    "RUSTFLAGS": "-Zsanitizer=address",
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:abort_on_error=0",
}


def address(package: str, program: str) -> str:
    run(nightly("build", "--package", package), f"the build of {package}", False, **ADDRESS)
    return str(folder("address") / host() / "debug" / program)


def address_probe() -> str:
    program = address("infrai-torture-probe", "infrai-torture-probe")
    with BenchServer() as server:
        for kind, count in (("calls", 2000), ("clients", 500), ("waits", 1000)):
            run([program, "leaks", kind, str(count), server.url, packages.KEY], kind, **ADDRESS)
    scripted = ScriptedServer()
    scripted.on("POST /v1/video/generate", {"job_id": "vid_1", "state": "queued"})
    scripted.job("running")
    try:
        run([program, "fork", "4", "5", scripted.url, packages.KEY], "fork", **ADDRESS)
    finally:
        scripted.stop()
    return "2,000 calls, 500 clients, 1,000 waits, 4 forks"


def address_conformance() -> str:
    server = packages.program("infrai-conformance-server")
    program = address("infrai-conformance-rust", "infrai-conformance-rust")
    told = run([program, "--server", server], "the scenarios", **ADDRESS)
    return told.strip().splitlines()[-1]


def address_tests() -> str:
    told = run(nightly("test", "--package", "infrai", "--lib"), "the core's tests", False, **ADDRESS)
    return re.findall(r"\d+ passed; \d+ failed", told)[-1]


@cache
def valgrind_builds() -> Path:
    if shutil.which("valgrind") is None:
        raise Missing("valgrind: apt-get install valgrind")
    # Without this, rustix reads the kernel's page of functions, whose address valgrind takes away from programs.
    flags = {"RUSTFLAGS": "--cfg=rustix_use_libc"}
    names = ("infrai-torture-probe", "infrai-python", "infrai-node")
    chosen = [word for name in names for word in ("--package", name)]
    run([CARGO, "build", "--locked", "--quiet", "--target-dir", str(folder("valgrind")), *chosen], "the build", False, **flags)
    return folder("valgrind") / "debug"


def valgrind(command: list[str], ours_alone: bool, *options: str, **environment: str) -> str:
    """Runs a command under valgrind; fails on what is wrong in the SDK's code. Returns how many other errors there were."""
    with tempfile.TemporaryDirectory() as told:
        file = Path(told) / "errors.xml"
        asked = ["--leak-check=full", "--show-leak-kinds=definite", "--num-callers=40", "--child-silent-after-fork=yes"]
        run(["valgrind", *asked, "--xml=yes", f"--xml-file={file}", *options, *command], " ".join(command[:2]), **environment)
        errors = list(xml.parse(file).getroot().iter("error"))
    ours = [error for error in errors if not ours_alone or any(OURS.search(obj.text or "") for obj in error.iter("obj"))]
    wrong = [error for error in ours if not any((function.text or "").startswith(KEPT) for function in error.iter("fn"))]
    assert not wrong, f"{len(wrong)} errors, the first:\n{described(wrong[0])}"
    return f", {len(errors)} errors elsewhere" if errors else ""


def described(error: xml.Element) -> str:
    """An error as people read it: what, and where."""
    lines = [error.findtext("what") or error.findtext("xwhat/text") or error.findtext("kind") or ""]
    for frame in error.iter("frame"):
        lines.append(
            f"    {frame.findtext('fn') or '?'} ({frame.findtext('file') or frame.findtext('obj')}:{frame.findtext('line') or ''})"
        )
    return "\n".join(lines)


WORK = {"calls": 1000, "clients": 200, "waits": 400}


def worked(command: Callable[[str, str, str], list[str]], ours_alone: bool, *options: str, **environment: str) -> str:
    others = ""
    with BenchServer() as server:
        for kind, count in WORK.items():
            others += valgrind([*command(kind, str(count), server.url), packages.KEY], ours_alone, *options, **environment)
    return ", ".join(f"{count:,} {kind}" for kind, count in WORK.items()) + others


def valgrind_rust() -> str:
    program = str(valgrind_builds() / "infrai-torture-probe")
    return worked(lambda kind, count, url: [program, "leaks", kind, count, url], False)


def valgrind_python() -> str:
    built = valgrind_builds()
    with tempfile.TemporaryDirectory() as made:
        package = Path(made) / "infrai"
        shutil.copytree(packages.ROOT / "bindings-python" / "python" / "infrai", package)
        shutil.copy(built / "lib_native.so", package / "_native.abi3.so")
        # Python's own allocator would hide what is read after it was freed.
        environment = {"PYTHONPATH": made, "PYTHONMALLOC": "malloc", "PYTHONDONTWRITEBYTECODE": "1"}
        worker = [os.path.realpath(sys.executable), str(HERE / "leaks" / "worker.py")]
        return worked(lambda kind, count, url: [*worker, kind, count, url], True, **environment)


def valgrind_node() -> str:
    built = valgrind_builds()
    with tempfile.TemporaryDirectory() as made:
        project = Path(made) / "project"
        shutil.copytree(packages.node_project(), project, symlinks=True)
        (module,) = project.rglob("*.node")
        shutil.copy(built / "libinfrai_node.so", module)
        worker = [packages.node(), "--jitless", "--expose-gc", str(HERE / "leaks" / "worker.mjs")]
        # V8 compares what it has not written, and knows why.
        options = ("--smc-check=all-non-file", "--undef-value-errors=no")
        return worked(lambda kind, count, url: [*worker, kind, count, url], True, *options, TORTURE_PROJECT=str(project))


STEPS: dict[str, Callable[[], str]] = {
    "valgrind: Rust": valgrind_rust,
    "valgrind: Python": valgrind_python,
    "valgrind: Node": valgrind_node,
    "AddressSanitizer and LeakSanitizer: calls, clients, waits, forks": address_probe,
    "AddressSanitizer and LeakSanitizer: conformance": address_conformance,
    "AddressSanitizer and LeakSanitizer: the core's tests": address_tests,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="steps whose name contains this")
    only = parser.parse_args().only.lower()
    if not sys.platform.startswith("linux"):
        print("MISSING: Linux, whose tools these are")
        return 1
    passed = failed = 0
    missing = []
    for name, step in STEPS.items():
        if only not in name.lower():
            continue
        begun = time.monotonic()
        try:
            told = step()
        except Missing as what:
            missing.append(f"{name} was NOT RUN, for want of {what}")
            continue
        except Exception as error:
            failed += 1
            print(f"FAILED: {name}\n{error}", flush=True)
            continue
        passed += 1
        print(f"{name}: no error in {told} ({time.monotonic() - begun:.0f} s)", flush=True)
    for line in missing:
        print(f"MISSING: {line}", flush=True)
    print("ThreadSanitizer is not part of this: it needs a standard library that is built with it.")
    print(f"{passed} passed, {failed + len(missing)} failed")
    return 1 if failed or missing or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
