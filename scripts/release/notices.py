"""What the licence notices of the binary packages have to hold."""

from __future__ import annotations

import json
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
    """The crates, with their versions, that are compiled into a package for this machine; ours not."""
    command = [CARGO, "metadata", "--locked", "--format-version", "1", "--manifest-path", str(manifest)]
    host = re.search(r"^host: (.*)$", subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout, re.MULTILINE)
    assert host is not None
    told = subprocess.run([*command, "--filter-platform", host[1]], check=True, capture_output=True).stdout
    graph = json.loads(told)
    nodes = {node["id"]: node for node in graph["resolve"]["nodes"]}
    packages = {package["id"]: package for package in graph["packages"]}
    (root,) = (id for id, package in packages.items() if Path(package["manifest_path"]) == manifest.resolve())
    seen, left = set(), [root]
    while left:
        id = left.pop()
        if id in seen or any("proc-macro" in target["kind"] for target in packages[id]["targets"]):
            continue
        seen.add(id)
        left += [each["pkg"] for each in nodes[id]["deps"] if any(kind["kind"] is None for kind in each["dep_kinds"])]
    return {(packages[id]["name"], packages[id]["version"]) for id in seen if packages[id]["source"]}


def lacking(text: str, manifest: Path) -> list[str]:
    """What is compiled into a package and not named in its notice, or named without what its licence asks for."""
    crates = compiled(manifest)
    bad = [f"{name} {version}" for name, version in sorted(crates) if not re.search(rf"^  {re.escape(name)} {re.escape(version)}\b", text, re.MULTILINE)]
    names = {name for name, _ in crates} | ({"infrai-sandbox"} if manifest.parent.name == "cli" else set())
    bad += [f"the notice within {name} ({words})" for name, words in WITHIN.items() if name in names and words not in text]
    return bad
