#!/usr/bin/env python3
"""Looks into packages of a release: everything that belongs in is in, nothing else, and each says what it is.

    scripts/contents.py [--local] FOLDER…    the packages in these folders; ends with "N passed, N failed"

With --local, wheels may be for this machine's C library alone.
"""

from __future__ import annotations

import email
import json
import re
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import notices  # noqa: E402
import release_build  # noqa: E402
import versions  # noqa: E402

ROOT = versions.ROOT
REPOSITORY = versions.REPOSITORY
HOMEPAGE = "https://infrai.cc"

Files = Mapping[str, bytes]
Faults = list[str]


#: Per kind of package: its file's name, files of which each has to be there, those that may be there besides, the largest size. In the
#: patterns, `@` is the version, `*` any characters but a slash, `**` any, and `{a,b}` one of these.
KINDS: list[dict] = json.loads((Path(__file__).resolve().parent / "contents.json").read_text(encoding="utf-8"))


def glob(pattern: str, version: str) -> re.Pattern[str]:
    parts = {"**": ".*", "*": "[^/]*", "{": "(?:", "}": ")", ",": "|", "@": re.escape(version)}
    return re.compile("".join(parts.get(part, re.escape(part)) for part in re.split(r"(\*\*|[*{},@])", pattern)))


def check(path: Path, whole: bool = True) -> Faults:
    """Returns what is wrong with a package; with `whole`, also whether its notice names everything (which asks cargo)."""
    version = versions.current()
    kind = kind_of(path, version)
    if kind is None:
        return [f"{path.name}: is no package of a release of {version}"]
    files = unpacked(path)
    limit = kind["limit_mib"] << 20
    bad = [f"has {path.stat().st_size} bytes, and {limit} are the most that it may have"] if path.stat().st_size > limit else []
    bad += [f"lacks {needed}" for needed in kind["needed"] if not any(glob(needed, version).fullmatch(name) for name in files)]
    known = [glob(each, version) for each in (*kind["needed"], *kind["allowed"])]
    bad += [f"holds {name}, which nobody asked for" for name in sorted(files) if not any(each.fullmatch(name) for each in known) or name.startswith("/") or ".." in name.split("/")]
    # What a machine wrote; in texts of people, paths are examples.
    built = {name: content for name, content in files.items() if b"\0" in content or "/sboms/" in name}
    bad += [f"{name} holds {place}, a path of the machine that built it" for name in sorted(built) for place in sorted(release_build.found(built[name]))]
    says = {"mcpb": mcpb_says, "crate": crate_says, "npm": npm_says, "jar": jar_says, "infrai": python_says, "infrai-cli": python_says}.get(kind.get("says", ""))
    bad += says(files, version, kind) if says else []
    plain = lambda text: text.replace(b"\r\n", b"\n").strip()  # noqa: E731
    licence = plain((ROOT / "LICENSE").read_bytes())
    bad += [f"{name} is another text than the repository's" for name in files if re.fullmatch(r"(?:.*/)?LICENSE", name) and plain(files[name]) != licence]
    notice = next((content.decode() for name, content in files.items() if name.rsplit("/", 1)[-1] == notices.NAME), None)
    if kind.get("compiled") and notice is not None:
        bad += [] if notice.startswith(notices.HEAD[:40]) else [f"{notices.NAME} is not what scripts/notices.py writes"]
        bad += [f"its notice does not name {each}" for each in notices.lacking(notice, kind["compiled"])] if whole and not bad else []
    return [f"{path.name}: {each}" for each in bad]


def unpacked(path: Path) -> dict[str, bytes]:
    """Returns an archive's files by their names."""
    if tarfile.is_tarfile(path):
        with tarfile.open(path) as tar:
            # A link has no content of its own: nobody asked for it.
            return {each.name if each.isfile() else f"{each.name} -> {each.linkname}": tar.extractfile(each).read() if each.isfile() else b"" for each in tar if not each.isdir()}  # type: ignore[union-attr]
    if not zipfile.is_zipfile(path):
        return {path.name: path.read_bytes()}
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def one(files: Files, pattern: str) -> str | None:
    return next((content.decode() for name, content in files.items() if re.fullmatch(pattern, name)), None)


def same(**fields: tuple[object, object]) -> Faults:
    return [f"{name} is {found!r}, and has to be {wanted!r}" for name, (found, wanted) in fields.items() if found != wanted]


def missing(fields: Mapping[str, object], *names: str) -> Faults:
    return [f"{name} is missing" for name in names if not fields.get(name)]


def python_version(version: str) -> str:
    return re.sub(r"-(alpha|beta|rc)\.", lambda found: {"alpha": "a", "beta": "b", "rc": "rc"}[found[1]], version)


def python_says(files: Files, version: str, kind: dict) -> Faults:
    raw = one(files, r".*\.dist-info/METADATA") or one(files, r"[^/]+/PKG-INFO")
    if raw is None:
        return []
    metadata = email.message_from_string(raw)
    urls = {"Homepage": HOMEPAGE, "Repository": REPOSITORY, "Changelog": f"{REPOSITORY}/blob/main/CHANGELOG.md", "Issues": f"{REPOSITORY}/issues"}
    wanted = {"Name": kind["says"], "Version": python_version(version), "License-Expression": kind["licence"], "Requires-Python": ">=3.10", "Requires-Dist": None}
    bad = same(**{field: (metadata[field], value) for field, value in wanted.items()})
    bad += same(URLs=(dict(each.split(", ", 1) for each in metadata.get_all("Project-URL", [])), urls), format=((metadata["Description-Content-Type"] or "")[:13], "text/markdown"))
    bad += missing(metadata, "Summary", "Keywords", "Classifier")  # type: ignore[arg-type]
    bad += [f"Classifier {each} contradicts License-Expression" for each in metadata.get_all("Classifier", []) if each.startswith("License ::")]
    wheel = one(files, r".*\.dist-info/WHEEL")
    tags = email.message_from_string(wheel or "").get_all("Tag", [])
    return bad + [f"its tag {tag} is none that a release has" for tag in tags if not TAG.fullmatch(tag) and not local] + (["it has no tag"] if wheel is not None and not tags else [])


#: Whether packages for this machine alone are right.
local = False
TAG = re.compile(r"(?:cp310-abi3|cp314-cp314t|py3-none)-(?:manylinux_2_(?:5|12|17)_\w+|manylinux(?:1|2010|2014)_\w+|musllinux_1_[12]_\w+|macosx_\d+_\d+_\w+|win_amd64|win_arm64)")


def npm_says(files: Files, version: str, kind: dict) -> Faults:
    raw = one(files, r"package/package\.json")
    if raw is None:
        return []
    manifest = json.loads(raw)
    bad = same(license=(manifest.get("license"), "MIT"), version=(manifest.get("version"), version), engines=(manifest.get("engines"), {"node": kind.get("node", ">=20")}))
    bad += same(repository=(manifest.get("repository", {}).get("url"), f"git+{REPOSITORY}.git"), homepage=(manifest.get("homepage"), HOMEPAGE))
    bad += missing(manifest, "description", "author", "files", "main")
    bad += [f"{field} is nothing that a published package has" for field in ("scripts", "devDependencies", "private") if field in manifest]
    bad += same(dependencies=(sorted(manifest.get("dependencies", {})), kind.get("dependencies", [])))
    named = set(re.findall(r'"\.?/?((?:dist|testing)/[\w./-]+|infrai\.[\w-]+\.node)"', raw))
    bad += [f"names {name}, which it does not hold" for name in sorted(named) if f"package/{name}" not in files]
    if "os" in manifest:
        return bad + missing(manifest, "cpu") + (missing(manifest, "libc") if manifest["os"] == ["linux"] else [])
    bad += missing(manifest, "types", "exports", "keywords", "bugs")
    if "dependencies" in kind:  # a package for another one's users, beside ours
        return bad + same(type=(manifest.get("type"), "module"), peers=(manifest.get("peerDependencies"), {"@infrai/sdk": f"^{version}"}))
    return bad + missing(manifest, "module") + same(platforms=(set(manifest.get("optionalDependencies", {}).values()), {version}))


def mcpb_says(files: Files, version: str, kind: dict) -> Faults:
    raw = one(files, r"manifest\.json")
    if raw is None:
        return []
    manifest = json.loads(raw)
    server = manifest.get("server", {})
    bad = same(version=(manifest.get("version"), version), license=(manifest.get("license"), "MIT AND OFL-1.1"), homepage=(manifest.get("homepage"), HOMEPAGE))
    bad += same(repository=(manifest.get("repository", {}).get("url"), REPOSITORY), command=(server.get("mcp_config", {}).get("command"), f"${{__dirname}}/{server.get('entry_point')}"))
    bad += [f"names {server.get('entry_point')}, which it does not hold"] if server.get("entry_point") not in files else []
    return bad + missing(manifest, "manifest_version", "name", "description", "author", "compatibility")


def crate_says(files: Files, version: str, kind: dict) -> Faults:
    text = one(files, r"[^/]+/Cargo\.toml")
    if text is None:
        return []
    fields = dict(re.findall(r'^([\w-]+) = (?:"(.*)"|\[)$', text.split("\n[dependencies", 1)[0], re.MULTILINE))
    wanted = {"version": version, "license": kind["licence"], "repository": REPOSITORY, "homepage": HOMEPAGE, "readme": "README.md"}
    bad = same(**{field: (fields.get(field), value) for field, value in wanted.items()}) + missing(fields, "description", "rust-version", "edition")
    bad += [f"{name} is missing" for name in ("keywords", "categories") if not re.search(rf"^{name} = \[", text, re.MULTILINE)]
    return bad + [f"depends on {name} by a path alone" for name in re.findall(r"^\[(?:dev-)?dependencies\.([\w-]+)\]\n(?!version)", text, re.MULTILINE)]


def jar_says(files: Files, version: str, kind: dict) -> Faults:
    pom, manifest = one(files, r"META-INF/maven/dev\.infrai/infrai/pom\.xml"), one(files, r"META-INF/MANIFEST\.MF")
    bad = [] if pom is None or f"<artifactId>infrai</artifactId>\n  <version>{version}</version>" in pom else ["its POM has another version"]
    bad += [f"its POM lacks {name}" for name in ("name", "description", "url", "licenses", "developers", "scm") if pom is not None and f"<{name}>" not in pom]
    return bad + (["its manifest names no module"] if manifest is not None and "Automatic-Module-Name: dev.infrai" not in manifest else [])


def kind_of(path: Path, version: str) -> dict | None:
    """Returns what a file is, by its name."""
    return next((kind for kind in KINDS if any(glob(kind["file"], form).fullmatch(path.name) for form in (version, python_version(version)))), None)


def main(folders: list[str]) -> int:
    global local
    local = "--local" in folders
    folders = [folder for folder in folders if folder != "--local"]
    found = {path: check(path) for folder in folders for path in sorted(Path(folder).rglob("*")) if path.is_file()}
    for path, faults in found.items():
        kind = kind_of(path, versions.current())
        print(f"{(kind or {'name': '?'})['name']:<16} {path.stat().st_size:>10,}   {path.name}", *(f"  {fault}" for fault in faults), sep="\n")
    failed = sum(map(bool, found.values()))
    print(f"{len(found) - failed} passed, {failed} failed")
    return 1 if failed or not found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) if sys.argv[1:] else __doc__)
