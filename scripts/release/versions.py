"""Finds every place where the version stands, says where one differs from Cargo.toml's, and sets them all.

Cargo.toml's workspace version is the one that counts. Most places take it from there (the crates, maturin's wheels, the npm
packages, the User-Agent); this file knows the others, which their tools want written out.
"""

from __future__ import annotations

import datetime
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
REPOSITORY = "https://github.com/infrai/infrai-sdk"
#: What all registries can take: maturin makes 0.2.0rc1 of 0.2.0-rc.1.
FORM = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-(alpha|beta|rc)\.(\d+))?")
NUMBER = r"\d+\.\d+(?:\.\d+)?(?:-[a-z]+\.\d+)?"

#: How people are told to name a version, wherever they are told: each pattern's one group is the version.
COORDINATES = [
    rf"dev\.infrai:infrai(?:-android)?:({NUMBER})",
    rf"<artifactId>infrai(?:-android)?</artifactId>\s*<version>({NUMBER})</version>",
    rf'infrai-sdk(?:\.git)?", (?:from|exact|\.upToNextMinor\(from): ?"({NUMBER})"',
    rf"\binfrai(?:-cli)?(?:==|~=|>=)({NUMBER})",
    rf"@infrai/sdk(?:-[a-z0-9-]+)?@\^?({NUMBER})",
    rf'^infrai(?:-render|-sandbox)? = (?:\{{ version = )?"[=^~]?({NUMBER})"',
    rf"\binfrai(?:-render|-sandbox|-cli)?@({NUMBER})",
]
#: Where such lines are looked for.
DOCUMENTS = {".md", ".ipynb", ".html", ".kts", ".gradle"}


class Wrong(Exception):
    """A version that cannot be set, and why."""


@dataclass(frozen=True)
class Place:
    """A version somewhere: the file, where in it, what it says, and what it has to say there."""

    file: str
    start: int
    end: int
    says: str
    line: int

    def fits(self, version: str) -> bool:
        """Whether it names this version; documents may name its first two numbers alone, as Cargo users do."""
        return self.says == version or (self.says.count(".") == 1 and version.startswith(f"{self.says}."))

    def instead(self, version: str) -> str:
        return ".".join(version.split(".")[:2]) if self.says.count(".") == 1 else version


def order(version: str) -> tuple[int, ...]:
    """What versions are compared by: a pre-release comes before its release."""
    found = FORM.fullmatch(version)
    if found is None:
        raise Wrong(f"the version has to be X.Y.Z or X.Y.Z-rc.N (alpha, beta, rc); it is {version!r}")
    kind = {"alpha": 0, "beta": 1, "rc": 2, None: 3}[found[4]]
    return (*map(int, found.group(1, 2, 3)), kind, int(found[5] or 0))


def tracked(root: Path) -> list[str]:
    """The files of the repository."""
    told = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True).stdout
    return sorted(name for name in told.decode().split("\0") if name and (root / name).is_file())


def members(root: Path) -> dict[str, str]:
    """The workspace's packages by their folders."""
    text = (root / "Cargo.toml").read_text(encoding="utf-8")
    listed = re.search(r"^members = \[(.*?)\]", text, re.MULTILINE | re.DOTALL)
    if listed is None:
        raise Wrong("Cargo.toml lists no members")
    folders = re.findall(r'"([^"]+)"', listed[1])
    names = {}
    for folder in folders:
        manifest = (root / folder / "Cargo.toml").read_text(encoding="utf-8")
        found = re.search(r'^name = "([^"]+)"', manifest, re.MULTILINE)
        if found is None:
            raise Wrong(f"{folder}/Cargo.toml names no package")
        names[folder] = found[1]
    return names


def current(root: Path = ROOT) -> str:
    """The version that counts."""
    found = re.search(r'^\[workspace\.package\]\nversion = "([^"]+)"', (root / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise Wrong("Cargo.toml has no version directly below [workspace.package]")
    return found[1]


def places(root: Path = ROOT) -> list[Place]:
    """Every version that is written out."""
    wanted: list[tuple[str, str]] = [
        ("Cargo.toml", r'^\[workspace\.package\]\nversion = "([^"]+)"'),
        ("Cargo.toml", r'^infrai = \{ path = "core", version = "([^"]+)"'),
        ("Cargo.toml", r'^infrai-render = \{ path = "sandbox/render", version = "([^"]+)"'),
        ("Cargo.toml", r'^infrai-sandbox = \{ path = "sandbox", version = "([^"]+)"'),
        ("bindings-kotlin/pom.xml", r"<artifactId>infrai</artifactId>\s*<version>([^<]+)</version>"),
    ]
    wanted += [("Cargo.lock", rf'^name = "{name}"\nversion = "([^"]+)"') for name in members(root).values()]
    found: list[Place] = []
    for file, pattern in wanted:
        here = spots(root, file, pattern)
        if not here:
            raise Wrong(f"{file} has no version where one is looked for: {pattern}")
        found += here
    for file in tracked(root):
        if Path(file).suffix in DOCUMENTS:
            found += [spot for pattern in COORDINATES for spot in spots(root, file, pattern)]
    return sorted(set(found), key=lambda place: (place.file, place.start))


def spots(root: Path, file: str, pattern: str) -> list[Place]:
    text = (root / file).read_text(encoding="utf-8")
    matches = re.finditer(pattern, text, re.MULTILINE)
    return [Place(file, m.start(1), m.end(1), m[1], text.count("\n", 0, m.start(1)) + 1) for m in matches]


def faults(root: Path = ROOT, tag: str | None = None) -> list[str]:
    """What does not agree; with a tag, also what a release of it would lack."""
    version = current(root)
    order(version)
    bad = [f"{place.file}:{place.line}: says {place.says}, and Cargo.toml {version}" for place in places(root) if not place.fits(version)]
    for folder in members(root):
        if not re.search(r"^version\.workspace = true$", (root / folder / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE):
            bad.append(f"{folder}/Cargo.toml: takes its version from elsewhere; write version.workspace = true")
    for manifest in ("bindings-python/pyproject.toml", "bindings-python/cli-wheel/pyproject.toml"):
        text = (root / manifest).read_text(encoding="utf-8")
        if 'dynamic = ["version"]' not in text or re.search(r"^version\s*=", text, re.MULTILINE):
            bad.append(f'{manifest}: has a version of its own; write dynamic = ["version"], and maturin takes Cargo\'s')
    for manifest in ("bindings-node/package.json", "bindings-node/package-lock.json"):
        held = json.loads((root / manifest).read_text(encoding="utf-8"))
        if "version" in held or "version" in held.get("packages", {}).get("", {}):
            bad.append(f"{manifest}: has a version of its own; leave it out, scripts/pack.mjs takes Cargo.toml's")
    bad += toolchains(root) + library(root, version, tag) + changes(root, version, tag)
    return bad


def toolchains(root: Path) -> list[str]:
    """Whether the documents ask for the oldest Rust, Python and Node.js that the packages do."""
    read = lambda file: (root / file).read_text(encoding="utf-8")  # noqa: E731
    oldest = {
        "Rust": re.search(r'^rust-version = "([\d.]+)"', read("Cargo.toml"), re.MULTILINE),
        "Python": re.search(r'^requires-python = ">=([\d.]+)"', read("bindings-python/pyproject.toml"), re.MULTILINE),
        "Node": re.search(r'"node": ">=([\d.]+)"', read("bindings-node/package.json")),
    }
    bad = []
    for name, found in oldest.items():
        if found is None:
            bad.append(f"the oldest {name} is not where it is looked for")
            continue
        for file in ("README.md", "README.zh.md", "CONTRIBUTING.md", "bindings-python/README.md", "bindings-node/README.md"):
            for said in re.findall(rf"\b{name}(?:\.js)? (\d+(?:\.\d+)?)(?:\+| or newer| 及以上)", read(file)):
                if said != found[1]:
                    bad.append(f"{file}: asks for {name} {said} or newer, and the package for {found[1]}")
    return bad


def library(root: Path, version: str, tag: str | None) -> list[str]:
    """Whether Package.swift, if it takes a released library, takes that of this version."""
    found = re.search(r"^let released: .* = (.*)$", (root / "Package.swift").read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        return ["Package.swift: has no line that begins with `let released:`"]
    if found[1] == "nil":
        return ["Package.swift: names no released library: run scripts/release-swift --manifest"] if tag else []
    return [] if f"/v{version}/" in found[1] else [f"Package.swift: takes a library that is not that of v{version}: {found[1]}"]


def changes(root: Path, version: str, tag: str | None) -> list[str]:
    """Whether the changelog is in order."""
    headings = re.findall(r"^## (.*)$", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    bad = []
    if headings[:1] != ["[Unreleased]"]:
        bad.append("CHANGELOG.md: begins with something else than `## [Unreleased]`")
    released = []
    for heading in headings[1:]:
        found = re.fullmatch(rf"\[({FORM.pattern})\] - (\d{{4}}-\d\d-\d\d)", heading)
        if found is None:
            bad.append(f"CHANGELOG.md: `## {heading}` is not `## [X.Y.Z] - YYYY-MM-DD`")
        else:
            released.append(found[1])
    if released != sorted(released, key=order, reverse=True):
        bad.append("CHANGELOG.md: the versions are not in order, newest first")
    if released and order(released[0]) > order(version):
        bad.append(f"CHANGELOG.md: has {released[0]}, and Cargo.toml {version}")
    if tag is not None:
        if tag != f"v{version}":
            bad.append(f"the tag is {tag}, and Cargo.toml says {version}")
        if version not in released:
            bad.append(f"CHANGELOG.md: has no section of {version}: run scripts/set-version {version}")
    return bad


def settled(root: Path, version: str, today: datetime.date) -> dict[str, str]:
    """Every file that changes for this version, with its new text."""
    before = current(root)
    if order(version) < order(before):
        raise Wrong(f"{version} is older than {before}, which Cargo.toml says: versions only grow")
    texts: dict[str, str] = {}
    for place in reversed(places(root)):
        text = texts.get(place.file) or (root / place.file).read_text(encoding="utf-8")
        texts[place.file] = text[: place.start] + place.instead(version) + text[place.end :]
    swift = (root / "Package.swift").read_text(encoding="utf-8")
    if f"/v{version}/" not in swift:
        # The next release's library is not built yet.
        texts["Package.swift"] = re.sub(r"^(let released: .* = ).*$", r"\1nil", swift, flags=re.MULTILINE)
    texts["CHANGELOG.md"] = dated((root / "CHANGELOG.md").read_text(encoding="utf-8"), version, today)
    return {file: text for file, text in texts.items() if text != (root / file).read_text(encoding="utf-8")}


def dated(text: str, version: str, today: datetime.date) -> str:
    """The changelog in which what was unreleased is this version's; unchanged if nothing was."""
    whole = re.search(r"^## \[Unreleased\]\n(.*?)(?=^## |^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    if whole is None:
        raise Wrong("CHANGELOG.md has no `## [Unreleased]`")
    if not whole[1].strip():
        return text
    if f"## [{version}]" in text:
        raise Wrong(f"CHANGELOG.md has a section of {version} and unreleased changes: take a later version")
    earlier = re.search(r"^## \[(\d[^\]]*)\]", text, re.MULTILINE)
    compared = f"compare/v{earlier[1]}...v{version}" if earlier else f"releases/tag/v{version}"
    text = text.replace("## [Unreleased]\n", f"## [Unreleased]\n\n## [{version}] - {today.isoformat()}\n", 1)
    links = f"[Unreleased]: {REPOSITORY}/compare/v{version}...HEAD\n[{version}]: {REPOSITORY}/{compared}\n"
    text, count = re.subn(r"^\[Unreleased\]: .*\n", lambda _: links, text, flags=re.MULTILINE)
    if count != 1:
        raise Wrong("CHANGELOG.md has no line `[Unreleased]: …` at its end")
    return text


def set_version(version: str, root: Path = ROOT, today: datetime.date | None = None) -> list[str]:
    """Sets it everywhere, or nowhere; the files that changed."""
    order(version)
    texts = settled(root, version, today or datetime.date.today())
    for file, text in texts.items():
        (root / file).write_text(text, encoding="utf-8")
    return sorted(texts)
