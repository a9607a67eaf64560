"""What the licence notices of the binary packages have to hold."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CARGO = os.environ.get("CARGO", "cargo")
NAME = "THIRD-PARTY-LICENSES.txt"
#: Where a notice lies: of which crate's dependencies it is, and what people call the package.
PLACES = {
    f"bindings-python/{NAME}": ("bindings-python/Cargo.toml", "the Python package infrai"),
    f"bindings-python/cli-wheel/{NAME}": ("cli/Cargo.toml", "the command infrai"),
    f"bindings-node/{NAME}": ("bindings-node/Cargo.toml", "the npm packages @infrai/sdk-*"),
    f"bindings-kotlin/{NAME}": ("bindings-uniffi/Cargo.toml", "the Kotlin and Swift packages"),
}
HEAD = """Third-party software in the native code of {what}

Its own licence is in the file LICENSE. What follows is compiled in, each part under its own licence; the source of each is
at the address beside it and, under its name and version, in the Rust package registry.

"""
STANDARD_LIBRARY = """--------------------------------------------------------------------------------
MIT License (MIT)

  the Rust standard library  https://github.com/rust-lang/rust

Copyright (c) The Rust Project Contributors

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software
is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE,
ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

"""
#: What is in a crate beside its own code, and how its notice is known.
WITHIN = {
    "openh264-sys2": "Copyright (c) 2013, Cisco Systems",
    "infrai-sandbox": "SIL Open Font License",
    "ring": "Google",
}


def compiled(manifest: Path) -> set[tuple[str, str]]:
    """The crates, with their versions, that are compiled into a package for this machine; ours not, and nothing that the
    compiler alone runs.
    """
    command = [CARGO, "tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}", "--manifest-path", str(manifest)]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    # A crate of ours has its folder behind its version.
    lines = (line.removesuffix(" (*)") for line in told.splitlines())
    found = {re.fullmatch(r"(\S+) v(\S+)", line) for line in lines if "(" not in line}
    return {(each[1], each[2]) for each in found if each}


def lacking(text: str, manifest: Path) -> list[str]:
    """What is compiled into a package and not named in its notice, or named without what its licence asks for."""
    crates = compiled(manifest)
    bad = [f"{name} {version}" for name, version in sorted(crates) if not re.search(rf"^  {re.escape(name)} {re.escape(version)}\b", text, re.MULTILINE)]
    names = {name for name, _ in crates} | ({"infrai-sandbox"} if manifest.parent.name == "cli" else set())
    bad += [f"the notice within {name} ({words})" for name, words in WITHIN.items() if name in names and words not in text]
    return bad
