#!/usr/bin/env python3
"""Writes the licence notices that binary packages carry, THIRD-PARTY-LICENSES.txt beside each, from the texts in the crates' sources.

    scripts/notices.py                all of them, for every platform of a release
    scripts/notices.py FOLDER …       those of these folders, for this machine, where they do not name everything yet
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from release_build import CARGO, ROOT, output  # noqa: E402

NAME = "THIRD-PARTY-LICENSES.txt"
#: The folder of each package with a notice, and the crate whose dependencies are compiled in.
PACKAGES = {"bindings-python": "bindings-python", "bindings-python/cli-wheel": "cli", "bindings-node": "bindings-node", "bindings-kotlin": "bindings-uniffi"}
HEAD = """Third-party software in the native code of this package

Its own licence is in the file LICENSE. What follows is compiled in, each part under its own licence; the source of each is
at the address beside it and, under its name and version, in the Rust package registry.

"""
#: What is in a crate beside its own code, and how its notice is known.
WITHIN = {"openh264-sys2": "Copyright (c) 2013, Cisco Systems", "infrai-render": "SIL Open Font License", "ring": "Google"}
#: Which licence is taken where a crate offers several, in order, and how the names of its files tell its text from others'.
#: .cargo/deny.toml says which are allowed at all.
ACCEPTED = {
    "MIT": "MIT", "MIT-0": "MIT-0", "ISC": "ISC", "BSD-2-Clause": "BSD", "BSD-3-Clause": "BSD", "Zlib": "ZLIB", "Unicode-3.0": "UNICODE", "BSL-1.0": "BOOST|BSL",
    "Apache-2.0": "APACHE", "Apache-2.0 WITH LLVM-exception": "LLVM", "MPL-2.0": "MPL", "CDLA-Permissive-2.0": "CDLA", "OFL-1.1": "OFL",
}  # fmt: skip
#: The same of licences that are never taken.
OTHERS = {"0BSD": "0BSD", "Unlicense": "UNLICENSE", "GPL-2.0-only": "GPL"}
LICENCES = re.compile(r"(?i)(?:un)?licen[cs]e|copying|copyright|notice|ofl\b")
#: Where the packages run: one notice of a release holds for all of them.
TARGETS = [
    *(f"{arch}-{system}" for system in ("unknown-linux-gnu", "unknown-linux-musl", "apple-darwin", "pc-windows-msvc") for arch in ("x86_64", "aarch64")),
    "aarch64-apple-ios", "aarch64-linux-android", "armv7-linux-androideabi",
]  # fmt: skip


def compiled(crate: str, targets: list[str] = []) -> set[tuple[str, str]]:  # noqa: B006
    """The crates of the registry, with their versions, that are compiled into a package: nothing of the compiler's or the tests'."""
    only = [word for target in targets for word in ("--target", target)]
    listed = output(CARGO, "tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}", "--manifest-path", ROOT / crate / "Cargo.toml", *only)
    # A crate of ours has its folder behind its version.
    found = (re.fullmatch(r"(\S+) v(\S+)", line.removesuffix(" (*)")) for line in listed.splitlines())
    return {(each[1], each[2]) for each in found if each}


def taken(crate: dict) -> tuple[str, list[Path]]:
    """The licence that a crate is taken under, and the files that hold it; with it, what names no other licence."""
    folder, licence = Path(crate["manifest_path"]).parent, crate["license"] or ""
    offered = re.split(r" OR |/", licence) if " AND " not in licence else [licence]
    chosen = next((each for each in ACCEPTED if each in offered), licence)
    other = re.compile("|".join(name for each, name in (ACCEPTED | OTHERS).items() if each in offered and each != chosen) or "$^", re.IGNORECASE)
    files = [path for path in sorted(folder.rglob("*")) if LICENCES.match(path.name) and path.suffix.lower() in ("", ".md", ".txt", ".0") and path.is_file()]
    return chosen, [path for path in files if not {"tests", "benches", "examples"} & set(path.relative_to(folder).parts) and not other.search(path.name)]


def collected(crate: str, targets: list[str] = []) -> str:  # noqa: B006
    """The texts of what is compiled into a package, each text once, after the crates that it is the licence of."""
    metadata = json.loads(output(CARGO, "metadata", "--locked", "--format-version", "1", *(word for target in targets or [output("rustc", "--print", "host-tuple").strip()] for word in ("--filter-platform", target))))
    crates = {(each["name"], each["version"]): each for each in metadata["packages"]}
    standard = lambda licence: (ROOT / "scripts" / "licences" / f"{licence}.txt").read_text(encoding="utf-8").strip()  # noqa: E731
    rust = f"Copyright (c) The Rust Project Contributors\n\n{standard('MIT')}"
    texts: dict[tuple[str, str], list[str]] = {("MIT", rust): ["  the Rust standard library  https://github.com/rust-lang/rust"]}
    for name, version in sorted(compiled(crate, targets)):
        about = crates[name, version]
        licence, files = taken(about)
        found = ["\n".join(line.rstrip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()).strip("\n") for path in files]
        # A crate without a text of its own is under the standard one, for its authors.
        for text in found or [f"Copyright (c) {', '.join(about['authors']) or f'the authors of {name}'}\n\n{standard(licence)}"]:
            texts.setdefault((licence, text), []).append(f"  {name} {version}" + (f"  {about['repository']}" if about["repository"] else ""))
    if crate == "cli":
        texts["OFL-1.1", (ROOT / "sandbox/render/assets/OFL.txt").read_text(encoding="utf-8").strip()] = ["  the fonts of the sandbox"]
    return HEAD + "".join(f"{'-' * 80}\n{licence}\n\n" + "\n".join(dict.fromkeys(names)) + f"\n\n{text}\n\n" for (licence, text), names in texts.items())


def lacking(text: str, crate: str) -> list[str]:
    """What is compiled into a package and not named in its notice, or named without what its licence asks for."""
    crates = compiled(crate)
    bad = [f"{name} {version}" for name, version in sorted(crates) if not re.search(rf"^  {re.escape(name)} {re.escape(version)}\b", text, re.MULTILINE)]
    names = {name for name, _ in crates} | ({"infrai-render"} if crate == "cli" else set())
    return bad + [f"the notice within {name} ({words})" for name, words in WITHIN.items() if name in names and words not in text]


def provide(folder: str, targets: list[str] = []) -> None:  # noqa: B006
    """Writes a package's notice, unless there is one that names everything."""
    place = ROOT / folder / NAME
    if not targets and place.is_file() and not lacking(place.read_text(encoding="utf-8"), PACKAGES[folder]):
        return
    text = collected(PACKAGES[folder], targets)
    if bad := lacking(text, PACKAGES[folder]):
        raise SystemExit(f"{place} would not name {', '.join(bad)}")
    place.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if not sys.argv[1:]:
        # The crates of the other platforms too, which no build here has fetched.
        output(CARGO, "fetch", "--locked", "--quiet")
    for folder in sys.argv[1:] or PACKAGES:
        provide(folder.rstrip("/"), [] if sys.argv[1:] else TARGETS)
