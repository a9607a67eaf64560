#!/usr/bin/env python3
"""Checks that the version is the same everywhere and that no document installs what is not published; or sets the version.

    scripts/versions.py                 checks; ends with "N passed, N failed"
    scripts/versions.py --tag vX.Y.Z    also checks that everything is there that a release of this tag needs
    scripts/versions.py X.Y.Z           sets it, and gives what CHANGELOG.md has as unreleased that version and today's date
"""

from __future__ import annotations

import datetime
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPOSITORY = "https://github.com/infrai/infrai-sdk"
#: What all registries can take: maturin makes 0.2.0rc1 of 0.2.0-rc.1.
FORM = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-(alpha|beta|rc)\.(\d+))?")
NUMBER = r"\d+\.\d+(?:\.\d+)?(?:-[a-z]+\.\d+)?"
#: How documents name a version: each pattern's one group is the version.
COORDINATES = [
    rf"dev\.infrai:infrai(?:-android)?:({NUMBER})",
    rf"<artifactId>infrai(?:-android)?</artifactId>\s*<version>({NUMBER})</version>",
    rf'infrai-sdk(?:\.git)?", (?:from|exact|\.upToNextMinor\(from): ?"({NUMBER})"',
    rf"\binfrai(?:-cli)?(?:==|~=|>=)({NUMBER})",
    rf"@infrai/(?:sdk|ai-sdk)(?:-[a-z0-9-]+)?@\^?({NUMBER})",
    rf'^infrai(?:-render|-sandbox)? = (?:\{{ version = )?"[=^~]?({NUMBER})"',
    rf"\binfrai(?:-render|-sandbox|-cli)?@({NUMBER})",
]
DOCUMENTS = {".md", ".ipynb", ".html", ".kts", ".gradle"}

#: Published names of ours, each after its registry. Add one before the first release's tag, and take away the notes about it: a
#: package's page says for ever what it said then. A name that nobody holds may come to hold anything, so no line installs it.
PUBLISHED: frozenset[str] = frozenset()
#: What a release of a tag publishes. The command's wheel has a switch of its own, and Maven Central is filled by hand.
RELEASED = frozenset({"crates.io:infrai", "crates.io:infrai-render", "crates.io:infrai-sandbox", "crates.io:infrai-cli", "npm:@infrai/sdk", "npm:@infrai/ai-sdk", "pypi:infrai", "swift:infrai-sdk"})
#: What makes a line an instruction to install: the registry, and the pattern whose one group names the package.
COMMANDS = [
    # A path or a wheel is none of a registry's names.
    ("pypi", r"\b(?:pip3?|uv|pipx|poetry|pdm|rye|uvx)(?: pip)? (?:install|add|run)(?: -\S+)* [\"']?(infrai(?:-cli)?)(?![\w./-])"),
    ("pypi", r"\buvx (infrai(?:-cli)?)(?![\w./-])"),
    ("npm", r"\b(?:npm|pnpm|yarn|bun|npx)(?: (?:install|i|add|exec|dlx|create))*(?: -\S+)* [\"']?(@infrai/[a-z0-9-]+)"),
    ("crates.io", r"\bcargo (?:add|install|binstall)(?: --?[a-z]+)* (infrai(?:-cli|-render|-sandbox)?)(?![\w./-])"),
    ("crates.io", r"^\s*(infrai(?:-render|-sandbox|-cli)?) = (?:\"[\d=^~]|\{ ?version)"),
    ("maven", r"\bdev\.infrai:(infrai(?:-android)?):|<artifactId>(infrai(?:-android)?)</artifactId>"),
    ("swift", r"\.package\(url: \"[^\"]*/(infrai-sdk)(?:\.git)?\""),
    ("brew", r"\bbrew install (?:\S*/)?(infrai)\b"),
    ("docker", r"\bdocker (?:run|pull)\b.* (\S*infrai\S*)"),
]
NOTE = re.compile(r"\b(?:not (?:yet )?(?:been )?published|unpublished)\b|尚未发布", re.IGNORECASE)
#: The page that is about publishing, and the one that lists what was.
EXEMPT = {"CHANGELOG.md", "docs/releasing.md"}


class VersionError(Exception):
    """A version that cannot be set, and why."""


@dataclass(frozen=True)
class VersionSite:
    """A version somewhere."""

    file: str
    start: int
    end: int
    says: str
    line: int

    def wanted(self, version: str) -> str:
        """What it has to say: documents may name the first two numbers alone, as Cargo users do."""
        return ".".join(version.split(".")[:2]) if self.says.count(".") == 1 else version


def order(version: str) -> tuple[int, ...]:
    """What versions are compared by: a pre-release comes before its release."""
    found = FORM.fullmatch(version)
    if found is None:
        raise VersionError(f"the version has to be X.Y.Z or X.Y.Z-rc.N (alpha, beta, rc); it is {version!r}")
    return (*map(int, found.group(1, 2, 3)), ("alpha", "beta", "rc", None).index(found[4]), int(found[5] or 0))


def read(root: Path, file: str) -> str:
    return (root / file).read_text(encoding="utf-8")


def tracked(root: Path) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True).stdout
    return sorted(name for name in listed.decode().split("\0") if name and (root / name).is_file())


def members(root: Path) -> list[str]:
    return json.loads("[" + re.search(r"^members = \[(.*?)\]", read(root, "Cargo.toml"), re.MULTILINE | re.DOTALL)[1] + "]")  # type: ignore[index]


def current(root: Path = ROOT) -> str:
    """The version that counts."""
    return re.search(r'^\[workspace\.package\]\nversion = "([^"]+)"', read(root, "Cargo.toml"), re.MULTILINE)[1]  # type: ignore[index]


def spots(root: Path, file: str, pattern: str) -> list[VersionSite]:
    text = read(root, file)
    return [VersionSite(file, m.start(1), m.end(1), m[1], text.count("\n", 0, m.start(1)) + 1) for m in re.finditer(pattern, text, re.MULTILINE)]


def places(root: Path = ROOT) -> list[VersionSite]:
    """Every version that is written out. Crates, wheels and npm packages take Cargo.toml's."""
    names = [re.search(r'^name = "([^"]+)"', read(root, f"{folder}/Cargo.toml"), re.MULTILINE)[1] for folder in members(root)]  # type: ignore[index]
    wanted = [
        ("Cargo.toml", r'^\[workspace\.package\]\nversion = "([^"]+)"'),
        *(("Cargo.toml", rf'^{name} = \{{ path = "[^"]+", version = "([^"]+)"') for name in ("infrai", "infrai-bindings", "infrai-render", "infrai-sandbox")),
        ("cli/mcp-bundle/server.json", r'^  "version": "([^"]+)"'),
        ("cli/mcp-bundle/server.json", r"/releases/download/v([^/]+)/"),
        ("bindings-kotlin/pom.xml", r"<artifactId>infrai</artifactId>\s*<version>([^<]+)</version>"),
        *(("Cargo.lock", rf'^name = "{name}"\nversion = "([^"]+)"') for name in names),
    ]
    found = []
    for file, pattern in wanted:
        found += spots(root, file, pattern)
        if not spots(root, file, pattern):
            raise VersionError(f"{file} has no version where one is looked for: {pattern}")
    documents = [file for file in tracked(root) if Path(file).suffix in DOCUMENTS]
    found += [spot for file in documents for pattern in COORDINATES for spot in spots(root, file, pattern)]
    return sorted(set(found), key=lambda place: (place.file, place.start))


def faults(root: Path = ROOT, tag: str | None = None) -> list[str]:
    """What does not agree; with a tag, also what a release of it would lack."""
    version = current(root)
    bad = [f"{place.file}:{place.line}: says {place.says}, and Cargo.toml {version}" for place in places(root) if place.says != place.wanted(version)]
    for folder in members(root):
        if not re.search(r"^version\.workspace = true$", read(root, f"{folder}/Cargo.toml"), re.MULTILINE):
            bad.append(f"{folder}/Cargo.toml: takes its version from elsewhere; write version.workspace = true")
    for manifest in ("bindings-python/pyproject.toml", "bindings-python/cli-wheel/pyproject.toml"):
        if 'dynamic = ["version"]' not in read(root, manifest) or re.search(r"^version\s*=", read(root, manifest), re.MULTILINE):
            bad.append(f'{manifest}: has a version of its own; write dynamic = ["version"]')
    for manifest in ("bindings-node/package.json", "bindings-node/package-lock.json", "integrations/ai-sdk/package.json", "integrations/ai-sdk/package-lock.json"):
        held = json.loads(read(root, manifest))
        if "version" in held or "version" in held.get("packages", {}).get("", {}):
            bad.append(f"{manifest}: has a version of its own; leave it out")
    released = re.search(r"^let released: .* = (.*)$", read(root, "Package.swift"), re.MULTILINE)[1]  # type: ignore[index]
    if released != "nil" and f"/v{version}/" not in released:
        bad.append(f"Package.swift: takes a library that is not that of v{version}: {released}")
    sections = re.findall(r"^## (.*)$", read(root, "CHANGELOG.md"), re.MULTILINE)
    dates = [re.fullmatch(rf"\[({FORM.pattern})\] - \d{{4}}-\d\d-\d\d", section) for section in sections[1:]]
    listed = [found[1] for found in dates if found]
    if sections[:1] != ["[Unreleased]"] or None in dates or listed != sorted(listed, key=order, reverse=True) or (listed and order(listed[0]) > order(version)):
        bad.append("CHANGELOG.md: has to be `## [Unreleased]`, then `## [X.Y.Z] - YYYY-MM-DD`, newest first, none above Cargo.toml's")
    if tag is not None:
        bad += [f"the tag is {tag}, and Cargo.toml says {version}"] if tag != f"v{version}" else []
        bad += [f"CHANGELOG.md: has no section of {version}: run scripts/versions.py {version}"] if version not in listed else []
        bad += ["Package.swift: names no released library: run bindings-swift/release --manifest"] if released == "nil" else []
        bad += [f"scripts/versions.py: PUBLISHED lacks {name}: put it in, and take away the notes that then are found" for name in sorted(RELEASED - PUBLISHED)]
    return bad + toolchains(root)


def toolchains(root: Path) -> list[str]:
    """Where documents ask for another oldest Rust, Python or Node.js than the packages."""
    oldest = {"Rust": ("Cargo.toml", r'^rust-version = "([\d.]+)"'), "Python": ("bindings-python/pyproject.toml", r'^requires-python = ">=([\d.]+)"'), "Node": ("bindings-node/package.json", r'"node": ">=([\d.]+)"')}
    bad = []
    for name, (manifest, pattern) in oldest.items():
        wanted = re.search(pattern, read(root, manifest), re.MULTILINE)[1]  # type: ignore[index]
        for file in ("README.md", "README.zh.md", "CONTRIBUTING.md", "bindings-python/README.md", "bindings-node/README.md"):
            said = re.findall(rf"\b{name}(?:\.js)? (\d+(?:\.\d+)?)(?:\+| or newer| 及以上)", read(root, file))
            bad += [f"{file}: asks for {name} {each} or newer, and the package for {wanted}" for each in said if each != wanted]
    return bad


def unnoted(text: str) -> list[tuple[int, str]]:
    """Lines that install a name of ours which is not published, in a block of code or without a note in the same paragraph or the
    one before, and those of a published one that have the note still: number and name.
    """
    found, before, number = [], "", 1
    # A fenced block is one part, whatever lies in it.
    for block in re.split(r"((?:^[ \t>]*(?:```|~~~)[^\n]*\n.*?^[ \t>]*(?:```|~~~)[^\n]*$)|\n[ \t]*\n)", text, flags=re.MULTILINE | re.DOTALL):
        code = bool(re.match(r"\n*[ \t>]*(?:```|~~~)|\n*(?: {4}|\t)(?! *(?:[-*+]|\d+\.) )", block))
        noted = NOTE.search(block) or (not block.lstrip().startswith("#") and NOTE.search(before))
        for at, line in enumerate(block.split("\n")):
            for registry, pattern in COMMANDS:
                for match in re.finditer(pattern, line):
                    name = f"{registry}:{match[match.lastindex or 0]}"
                    if noted if name in PUBLISHED else code or not noted:
                        found.append((number + at, name))
        number += block.count("\n")
        before = ("" if code else block) if block.strip() else before
    return found


def installs(root: Path) -> list[str]:
    documents = [file for file in tracked(root) if Path(file).suffix in {*DOCUMENTS, ".txt", ".rst"} - {".kts", ".gradle"} and file not in EXEMPT]
    wanted = {True: "is published: take the note away", False: "is not published yet: say so in these words, in prose and outside of blocks of code"}
    return [f"{file}:{number}: {name} {wanted[name in PUBLISHED]}" for file in documents if not file.startswith("tests/conformance/") for number, name in unnoted(read(root, file))]


def dated(text: str, version: str, today: datetime.date) -> str:
    """The changelog in which what was unreleased is this version's; unchanged if nothing was."""
    whole = re.search(r"^## \[Unreleased\]\n(.*?)(?=^## |^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    if whole is None or not whole[1].strip():
        return text
    if f"## [{version}]" in text:
        raise VersionError(f"CHANGELOG.md has a section of {version} and unreleased changes: take a later version")
    earlier = re.search(r"^## \[(\d[^\]]*)\]", text, re.MULTILINE)
    compared = f"compare/v{earlier[1]}...v{version}" if earlier else f"releases/tag/v{version}"
    text = text.replace("## [Unreleased]\n", f"## [Unreleased]\n\n## [{version}] - {today.isoformat()}\n", 1)
    links = f"[Unreleased]: {REPOSITORY}/compare/v{version}...HEAD\n[{version}]: {REPOSITORY}/{compared}\n"
    return re.sub(r"^\[Unreleased\]: .*\n", lambda _: links, text, flags=re.MULTILINE)


def set_version(version: str, root: Path = ROOT, today: datetime.date | None = None) -> list[str]:
    """Sets it everywhere, or nowhere; the files that changed."""
    if order(version) < order(current(root)):
        raise VersionError(f"{version} is older than {current(root)}, which Cargo.toml says: versions only grow")
    texts: dict[str, str] = {}
    for place in reversed(places(root)):
        text = texts.get(place.file) or read(root, place.file)
        texts[place.file] = text[: place.start] + place.wanted(version) + text[place.end :]
    swift = read(root, "Package.swift")
    # The next release's library is not built yet.
    texts["Package.swift"] = swift if f"/v{version}/" in swift else re.sub(r"^(let released: .* = ).*$", r"\1nil", swift, flags=re.MULTILINE)
    texts["CHANGELOG.md"] = dated(read(root, "CHANGELOG.md"), version, today or datetime.date.today())
    changed = {file: text for file, text in texts.items() if text != read(root, file)}
    for file, text in changed.items():
        (root / file).write_text(text, encoding="utf-8")
    return sorted(changed)


def main(words: list[str]) -> int:
    if len(words) == 1 and not words[0].startswith("-"):
        print("\n".join(set_version(words[0])))
        return 0
    if words and (words[0] != "--tag" or len(words) > 2):
        sys.exit(__doc__)
    bad = faults(tag=words[1] if words[1:] else None) + installs(ROOT)
    print(*bad, f"{0 if bad else 1} passed, {len(bad)} failed", sep="\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
