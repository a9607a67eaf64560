#!/usr/bin/env python3
"""Runs a build with flags that keep this machine's folders out of what is built: scripts/release_build.py COMMAND …"""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CARGO = os.environ.get("CARGO", "cargo")
#: Folders that a build machine has, whichever it was: people's homes, cargo's sources, rustup's toolchains.
MACHINES = re.compile(rb"/(?:root|(?:home|Users)/[\w.-]+)/|[A-Za-z]:\\+Users\\+|[/\\]registry[/\\]+src[/\\]|[/\\]\.(?:cargo|rustup)[/\\]")


def output(*command: object) -> str:
    return subprocess.run([str(word) for word in command], cwd=ROOT, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout


@functools.cache
def places() -> dict[Path, str]:
    """This machine's folders, and their names in a build. The innermost is last, since rustc takes the last that fits."""
    home = Path.home()
    cargo = Path(os.environ.get("CARGO_HOME") or home / ".cargo")
    target = json.loads(output(CARGO, "metadata", "--no-deps", "--format-version", "1"))["target_directory"]
    found = {home: "home", cargo: "cargo", cargo / "registry" / "src": "crates", Path(output("rustc", "--print", "sysroot").strip()): "rust", ROOT: "infrai-sdk", Path(target): "target"}
    # Of an account without a home it is the root of everything.
    return {place: name for place, name in found.items() if place != Path(place.anchor)}


def flags() -> dict[str, str]:
    """The variables that have cargo build without these folders. A build within a build adds nothing."""
    given = os.environ.get("CARGO_ENCODED_RUSTFLAGS")
    rust = given.split("\x1f") if given else os.environ.get("RUSTFLAGS", "").split()
    variables = {"CARGO_ENCODED_RUSTFLAGS": "\x1f".join(_with(rust, "--remap-path-prefix", places()))}
    # ring's C keeps debug information in a static library. Microsoft's compiler knows no such flag; a space would end the flag.
    if sys.platform != "win32":
        named = {place: name for place, name in places().items() if not re.search(r"\s", str(place))}
        variables["CFLAGS"] = " ".join(_with(os.environ.get("CFLAGS", "").split(), "-fdebug-prefix-map", named))
    return variables


def _with(flags: list[str], option: str, names: dict[Path, str]) -> list[str]:
    return flags + [flag for place, name in names.items() if (flag := f"{option}={place}={name}") not in flags]


def found(content: bytes) -> set[str]:
    """The folders of a build machine in a file: this one's, and what any other's look like."""
    own = b"|".join(re.escape(str(place).encode()) + rb"[/\\]" for place in places())
    return {match.group().decode(errors="replace") for match in re.compile(own + b"|" + MACHINES.pattern).finditer(content)}


if __name__ == "__main__":
    sys.exit(subprocess.run(sys.argv[1:], env={**os.environ, **flags()}, check=False).returncode if sys.argv[1:] else __doc__)
