"""What the licence notices of the binary packages have to hold."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
from collections.abc import Iterable
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
RULE = "-" * 80
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
    "infrai-render": "SIL Open Font License",
    "ring": "Google",
}


#: Which licence is taken where a crate offers several, in order, and how the names of its files tell its text from others'.
#: .cargo/deny.toml says which are allowed at all.
ACCEPTED = {
    "MIT": "MIT", "MIT-0": "MIT-0", "ISC": "ISC", "BSD-2-Clause": "BSD", "BSD-3-Clause": "BSD", "Zlib": "ZLIB", "Unicode-3.0": "UNICODE", "BSL-1.0": "BOOST|BSL",
    "Apache-2.0": "APACHE", "Apache-2.0 WITH LLVM-exception": "LLVM", "MPL-2.0": "MPL", "CDLA-Permissive-2.0": "CDLA", "OFL-1.1": "OFL",
}  # fmt: skip
#: The same of licences that are never taken.
OTHERS = {"0BSD": "0BSD", "Unlicense": "UNLICENSE", "GPL-2.0-only": "GPL"}
LICENCES = re.compile(r"(?i)(?:un)?licen[cs]e|copying|copyright|notice|ofl\b")
#: What crates without a text of their own are under, for their authors.
STANDARD = {
    "MIT": STANDARD_LIBRARY.split("\n\n", 3)[3].strip(),
    "BSD-2-Clause": """Redistribution and use in source and binary forms, with or without modification, are permitted provided that the following conditions
are met:

1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following disclaimer.

2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following disclaimer in
   the documentation and/or other materials provided with the distribution.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT
NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL
THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES
(INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS
INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE
OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.""",
    "MPL-2.0": """This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0. If a copy of the MPL was not distributed with
this file, You can obtain one at https://mozilla.org/MPL/2.0/.""",
}
#: Where the packages run: one notice of a release holds for all of them.
TARGETS = (
    "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl", "x86_64-apple-darwin", "aarch64-apple-darwin",
    "aarch64-apple-ios", "x86_64-pc-windows-msvc", "aarch64-pc-windows-msvc", "aarch64-linux-android", "armv7-linux-androideabi",
)  # fmt: skip


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout


@functools.cache
def host() -> str:
    """This machine, as Rust calls it."""
    found = re.search(r"^host: (.*)$", _output("rustc", "-vV"), re.MULTILINE)
    assert found is not None
    return found[1]


def compiled(manifest: Path, targets: Iterable[str] = ()) -> set[tuple[str, str]]:
    """The crates, with their versions, that are compiled into a package for these targets, or for this machine; ours not, and
    nothing that the compiler alone runs.
    """
    told = _output(CARGO, "tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}", "--manifest-path", str(manifest), *_each("--target", targets))
    # A crate of ours has its folder behind its version.
    lines = (line.removesuffix(" (*)") for line in told.splitlines())
    found = {re.fullmatch(r"(\S+) v(\S+)", line) for line in lines if "(" not in line}
    return {(each[1], each[2]) for each in found if each}


def _each(option: str, values: Iterable[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def taken(crate: dict) -> tuple[str, list[Path]]:
    """The licence that a crate is taken under, and the files that hold it; with it, what names no other licence."""
    folder, licence = Path(crate["manifest_path"]).parent, crate["license"] or ""
    offered = re.split(r" OR |/", licence) if " AND " not in licence else [licence]
    chosen = next((each for each in ACCEPTED if each in offered), licence)
    others = [name for each, name in (ACCEPTED | OTHERS).items() if each in offered and each != chosen]
    other = re.compile("|".join(others) or "$^", re.IGNORECASE)
    found = []
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if LICENCES.match(path.name) and path.suffix.lower() in ("", ".md", ".txt", ".0") and path.is_file() and not {"tests", "benches", "examples"} & set(inner.parts):
            found += [path] if not other.search(path.name) else []
    return chosen, found


def collected(manifest: Path, targets: Iterable[str] = ()) -> str:
    """The texts of what is compiled into a package, each text once, after the crates that it is the licence of."""
    targets = tuple(targets)
    arguments = ("metadata", "--locked", "--format-version", "1", "--manifest-path", str(manifest), *_each("--filter-platform", targets or [host()]))
    crates = {(crate["name"], crate["version"]): crate for crate in json.loads(_output(CARGO, *arguments))["packages"]}
    texts: dict[tuple[str, str], list[str]] = {}
    for name, version in sorted(compiled(manifest, targets)):
        crate = crates[name, version]
        licence, files = taken(crate)
        found = ["\n".join(line.rstrip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()).strip("\n") for path in files]
        if not found and licence in STANDARD:
            found = [f"Copyright (c) {', '.join(crate['authors']) or f'the authors of {name}'}\n\n{STANDARD[licence]}"]
        if not found:
            raise SystemExit(f"{name} {version} ({licence}) has no file with its licence: put the text of {licence} into STANDARD in scripts/release/notices.py")
        for text in found:
            texts.setdefault((licence, text), []).append(f"  {name} {version}" + (f"  {crate['repository']}" if crate["repository"] else ""))
    if manifest.parent.name == "cli":
        texts["OFL-1.1", (ROOT / "sandbox" / "render" / "assets" / "OFL.txt").read_text(encoding="utf-8").strip()] = ["  the fonts of the sandbox"]
    return "\n\n".join(f"{RULE}\n{licence}\n\n" + "\n".join(dict.fromkeys(names)) + f"\n\n{text}" for (licence, text), names in texts.items())


def write(place: str, targets: Iterable[str] = ()) -> list[str]:
    """Writes a notice, for these targets or for this machine, unless it would lack something; what it would lack."""
    manifest, what = PLACES[place]
    text = HEAD.format(what=what) + STANDARD_LIBRARY + collected(ROOT / manifest, targets) + "\n"
    bad = lacking(text, ROOT / manifest)
    if not bad:
        (ROOT / place).write_text(text, encoding="utf-8")
    return bad


def provide(folder: str) -> None:
    """Writes the notice of a package that is built for this machine, unless there is one that names everything."""
    place = f"{folder}/{NAME}"
    if (ROOT / place).is_file() and not lacking((ROOT / place).read_text(encoding="utf-8"), ROOT / PLACES[place][0]):
        return
    if bad := write(place):
        raise SystemExit(f"{place} would not name {', '.join(bad)}")


def lacking(text: str, manifest: Path) -> list[str]:
    """What is compiled into a package and not named in its notice, or named without what its licence asks for."""
    crates = compiled(manifest)
    bad = [f"{name} {version}" for name, version in sorted(crates) if not re.search(rf"^  {re.escape(name)} {re.escape(version)}\b", text, re.MULTILINE)]
    names = {name for name, _ in crates} | ({"infrai-render"} if manifest.parent.name == "cli" else set())
    bad += [f"the notice within {name} ({words})" for name, words in WITHIN.items() if name in names and words not in text]
    return bad
