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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import notices  # noqa: E402
import release_build  # noqa: E402
import versions  # noqa: E402

ROOT = versions.ROOT
MIB = 1 << 20
NOTICE = re.escape(notices.NAME)
REPOSITORY = versions.REPOSITORY
HOMEPAGE = "https://infrai.cc"

Files = Mapping[str, bytes]
Faults = list[str]


@dataclass(frozen=True)
class Kind:
    """Contents of a kind of package. The patterns are of whole names, `V` in them the version."""

    name: str
    #: Of the file's own name.
    file: str
    #: Of each, at least one file has to be there.
    needed: tuple[str, ...]
    #: What may be there besides.
    allowed: tuple[str, ...]
    #: Largest size of the archive, in bytes.
    limit: int
    #: Checks what it says about itself.
    says: Callable[[Files, str], Faults] = lambda files, version: []
    #: The crate whose dependencies are compiled in, if any are.
    compiled: str | None = None


def check(path: Path, whole: bool = True) -> Faults:
    """Returns what is wrong with a package; with `whole`, also whether its notice names everything (which asks cargo)."""
    version = versions.current()
    kind = kind_of(path, version)
    if kind is None:
        return [f"{path.name}: is no package of a release of {version}"]
    files = unpacked(path)
    bad = [f"has {path.stat().st_size} bytes, and {kind.limit} are the most that it may have"] if path.stat().st_size > kind.limit else []
    pattern = lambda text: re.compile(text.replace("V", re.escape(version)))  # noqa: E731
    bad += [f"lacks {needed}" for needed in kind.needed if not any(pattern(needed).fullmatch(name) for name in files)]
    known = re.compile("|".join(f"(?:{pattern(each).pattern})" for each in (*kind.needed, *kind.allowed)))
    bad += [f"holds {name}, which nobody asked for" for name in sorted(files) if not known.fullmatch(name) or name.startswith("/") or ".." in name.split("/")]
    # What a machine wrote; in texts of people, paths are examples.
    built = {name: content for name, content in files.items() if b"\0" in content or "/sboms/" in name}
    bad += [f"{name} holds {place}, a path of the machine that built it" for name in sorted(built) for place in sorted(release_build.found(built[name]))]
    bad += kind.says(files, version)
    plain = lambda text: text.replace(b"\r\n", b"\n").strip()  # noqa: E731
    licence = plain((ROOT / "LICENSE").read_bytes())
    bad += [f"{name} is another text than the repository's" for name in files if re.fullmatch(r"(?:.*/)?LICENSE", name) and plain(files[name]) != licence]
    notice = next((content.decode() for name, content in files.items() if name.rsplit("/", 1)[-1] == notices.NAME), None)
    if kind.compiled and notice is not None:
        bad += [] if notice.startswith(notices.HEAD[:40]) else [f"{notices.NAME} is not what scripts/notices.py writes"]
        bad += [f"its notice does not name {each}" for each in notices.lacking(notice, kind.compiled)] if whole and not bad else []
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


def python_says(name: str, licence: str) -> Callable[[Files, str], Faults]:
    def says(files: Files, version: str) -> Faults:
        raw = one(files, r".*\.dist-info/METADATA") or one(files, r"[^/]+/PKG-INFO")
        if raw is None:
            return []
        metadata = email.message_from_string(raw)
        urls = {"Homepage": HOMEPAGE, "Repository": REPOSITORY, "Changelog": f"{REPOSITORY}/blob/main/CHANGELOG.md", "Issues": f"{REPOSITORY}/issues"}
        wanted = {"Name": name, "Version": python_version(version), "License-Expression": licence, "Requires-Python": ">=3.10", "Requires-Dist": None}
        bad = same(**{field: (metadata[field], value) for field, value in wanted.items()})
        bad += same(URLs=(dict(each.split(", ", 1) for each in metadata.get_all("Project-URL", [])), urls), format=((metadata["Description-Content-Type"] or "")[:13], "text/markdown"))
        bad += missing(metadata, "Summary", "Keywords", "Classifier")  # type: ignore[arg-type]
        bad += [f"Classifier {each} contradicts License-Expression" for each in metadata.get_all("Classifier", []) if each.startswith("License ::")]
        wheel = one(files, r".*\.dist-info/WHEEL")
        tags = email.message_from_string(wheel or "").get_all("Tag", [])
        return bad + [f"its tag {tag} is none that a release has" for tag in tags if not TAG.fullmatch(tag) and not local] + (["it has no tag"] if wheel is not None and not tags else [])

    return says


#: Whether packages for this machine alone are right.
local = False
TAG = re.compile(r"(?:cp310-abi3|cp314-cp314t|py3-none)-(?:manylinux_2_(?:5|12|17)_\w+|manylinux(?:1|2010|2014)_\w+|musllinux_1_[12]_\w+|macosx_\d+_\d+_\w+|win_amd64|win_arm64)")


def npm_says(files: Files, version: str) -> Faults:
    raw = one(files, r"package/package\.json")
    if raw is None:
        return []
    manifest = json.loads(raw)
    bad = same(license=(manifest.get("license"), "MIT"), version=(manifest.get("version"), version), engines=(manifest.get("engines"), {"node": ">=20"}))
    bad += same(repository=(manifest.get("repository", {}).get("url"), f"git+{REPOSITORY}.git"), homepage=(manifest.get("homepage"), HOMEPAGE))
    bad += missing(manifest, "description", "author", "files", "main")
    bad += [f"{field} is nothing that a published package has" for field in ("scripts", "devDependencies", "dependencies", "private") if field in manifest]
    named = set(re.findall(r'"\.?/?((?:dist|testing)/[\w./-]+|infrai\.[\w-]+\.node)"', raw))
    bad += [f"names {name}, which it does not hold" for name in sorted(named) if f"package/{name}" not in files]
    if "os" in manifest:
        return bad + missing(manifest, "cpu") + (missing(manifest, "libc") if manifest["os"] == ["linux"] else [])
    return bad + missing(manifest, "types", "module", "exports", "keywords", "bugs") + same(platforms=(set(manifest.get("optionalDependencies", {}).values()), {version}))


def crate_says(licence: str) -> Callable[[Files, str], Faults]:
    def says(files: Files, version: str) -> Faults:
        text = one(files, r"[^/]+/Cargo\.toml")
        if text is None:
            return []
        fields = dict(re.findall(r'^([\w-]+) = (?:"(.*)"|\[)$', text.split("\n[dependencies", 1)[0], re.MULTILINE))
        wanted = {"version": version, "license": licence, "repository": REPOSITORY, "homepage": HOMEPAGE, "readme": "README.md"}
        bad = same(**{field: (fields.get(field), value) for field, value in wanted.items()}) + missing(fields, "description", "rust-version", "edition")
        bad += [f"{name} is missing" for name in ("keywords", "categories") if not re.search(rf"^{name} = \[", text, re.MULTILINE)]
        return bad + [f"depends on {name} by a path alone" for name in re.findall(r"^\[(?:dev-)?dependencies\.([\w-]+)\]\n(?!version)", text, re.MULTILINE)]

    return says


def jar_says(files: Files, version: str) -> Faults:
    pom, manifest = one(files, r"META-INF/maven/dev\.infrai/infrai/pom\.xml"), one(files, r"META-INF/MANIFEST\.MF")
    bad = [] if pom is None or f"<artifactId>infrai</artifactId>\n  <version>{version}</version>" in pom else ["its POM has another version"]
    bad += [f"its POM lacks {name}" for name in ("name", "description", "url", "licenses", "developers", "scm") if pom is not None and f"<{name}>" not in pom]
    return bad + (["its manifest names no module"] if manifest is not None and "Automatic-Module-Name: dev.infrai" not in manifest else [])


PACKAGE = r"(?:_\w+|__init__|testing)\.py"
LAYER = (rf"infrai/{PACKAGE}", r"infrai/py\.typed", r"infrai/_native\.pyi")
NATIVE = r"infrai/_native\.(?:abi3\.so|pyd|cpython-\w+-[\w-]+\.so|cp314t-\w+\.pyd)"
INFO = (r"METADATA", r"WHEEL", r"RECORD", r"licenses/LICENSE", rf"licenses/{NOTICE}")


def crate(name: str, licence: str, more: tuple[str, ...], limit: int) -> Kind:
    folder = f"{name}-V/"
    needed = tuple(folder + each for each in (r"Cargo\.toml", r"Cargo\.lock", "README\\.md", "LICENSE", r"src/(?:lib|main)\.rs", *more))
    return Kind(f"crate {name}", rf"{name}-V\.crate", needed, tuple(folder + each for each in (r"Cargo\.toml\.orig", r"\.cargo_vcs_info\.json", r"src/.+\.(?:rs|sql|md|html|json)", r"build\.rs")), limit, crate_says(licence))


KINDS = [
    Kind(
        "Python source", r"infrai-V\.tar\.gz",
        tuple(f"infrai-V/{each}" for each in (
            "PKG-INFO", r"pyproject\.toml", r"build_backend\.py", r"README\.md", "LICENSE", NOTICE, r"Cargo\.toml", r"Cargo\.lock", r"core/Cargo\.toml", r"core/build\.rs", r"core/src/lib\.rs",
            "core/LICENSE", r"core/README\.md", r"bindings-python/Cargo\.toml", r"bindings-python/src/lib\.rs",
            r"bindings-common/Cargo\.toml", r"bindings-common/src/lib\.rs", *(f"python/{each}" for each in LAYER),
        )),
        # The sandbox is a dependency of the core's tests: cargo wants it there, and no build compiles it.
        (r"infrai-V/(?:core|bindings-common|bindings-python)/src/.+\.rs", r"infrai-V/bindings-python/(?:README\.md|LICENSE|THIRD-PARTY-LICENSES\.txt)", r"infrai-V/sandbox/.+"),
        3 * MIB, python_says("infrai", "MIT"), "bindings-python",
    ),
    Kind(
        "Python wheel", r"infrai-V-.+\.whl", (*LAYER, NATIVE, *(rf"infrai-V\.dist-info/{each}" for each in INFO)),
        (r"infrai-V\.dist-info/sboms/.+\.json",), 5 * MIB, python_says("infrai", "MIT"), "bindings-python",
    ),
    Kind(
        "command wheel", r"infrai_cli-V-.+\.whl",
        (r"infrai_cli-V\.data/scripts/infrai(?:\.exe)?", *(rf"infrai_cli-V\.dist-info/{each}" for each in INFO)),
        (r"infrai_cli-V\.dist-info/sboms/.+\.json",), 12 * MIB, python_says("infrai-cli", "MIT AND OFL-1.1"), "cli",
    ),
    Kind(
        "npm package", r"infrai-sdk-V\.tgz",
        tuple(f"package/{each}" for each in (r"package\.json", r"README\.md", "LICENSE", r"dist/index\.js", r"dist/index\.mjs", r"dist/index\.d\.ts", r"dist/index\.d\.mts", r"testing/package\.json")),
        (r"package/dist/[a-z-]+(?:\.d)?\.m?[jt]s",), 1 * MIB, npm_says,
    ),
    Kind(
        "npm platform", r"infrai-sdk-[a-z]\w+-\w+(?:-\w+)?-V\.tgz",
        (r"package/package\.json", "package/LICENSE", f"package/{NOTICE}", r"package/infrai\.[\w-]+\.node"), (), 5 * MIB, npm_says, "bindings-node",
    ),
    crate("infrai", "MIT", (r"build\.rs",), 1 * MIB),
    crate("infrai-render", "MIT AND OFL-1.1", (r"assets/OFL\.txt", r"assets/infrai-sandbox-(?:han|latin)\.(?:otf|ttf)", r"assets/gb2312-hanzi\.txt", r"examples/\w+\.rs"), 3 * MIB),
    crate("infrai-sandbox", "MIT", (r"examples/\w+\.rs", r"page/[\w-]+\.(?:html|css|js|svg)"), 1 * MIB),
    crate("infrai-cli", "MIT", (), 1 * MIB),
    Kind(
        "Kotlin jar", r"infrai-V\.jar",
        (r"META-INF/MANIFEST\.MF", r"META-INF/infrai/LICENSE", f"META-INF/infrai/{NOTICE}", r"META-INF/maven/dev\.infrai/infrai/pom\.xml", r"META-INF/proguard/infrai\.pro",
         r"dev/infrai/InfraiClient\.class", r"linux-x86-64/libinfrai_ffi\.so"),
        (r"META-INF/maven/dev\.infrai/infrai/pom\.properties", r"META-INF/[\w-]+\.kotlin_module", r"dev/infrai/.+\.class", r"(?:linux|darwin|win32)-(?:x86-64|aarch64)/(?:lib)?infrai_ffi\.(?:so|dylib|dll)"),
        24 * MIB, jar_says, "bindings-uniffi",
    ),
    Kind(
        "Android archive", r"infrai-android-V\.aar",
        (r"AndroidManifest\.xml", r"classes\.jar", r"proguard\.txt", r"R\.txt", r"META-INF/com/android/build/gradle/aar-metadata\.properties", *(rf"jni/{abi}/libinfrai_ffi\.so" for abi in ("arm64-v8a", "x86_64", "armeabi-v7a"))),
        (), 16 * MIB,
    ),
    Kind("Android POM", r"infrai-android-V\.pom", (), (r".*",), MIB),
    Kind(
        "Apple library", r"Infrai\.xcframework\.zip",
        (r"Infrai\.xcframework/Info\.plist", r"Infrai\.xcframework/.+/InfraiLibrary\.framework/.*InfraiLibrary", r"Infrai\.xcframework/.+/PrivacyInfo\.xcprivacy",
         r"Infrai\.xcframework/.+/LICENSE", rf"Infrai\.xcframework/.+/{NOTICE}"),
        (r"Infrai\.xcframework/.+",), 64 * MIB, compiled="bindings-uniffi",
    ),
]  # fmt: skip


def kind_of(path: Path, version: str) -> Kind | None:
    """Returns what a file is, by its name."""
    names = [re.escape(form) for form in (version, python_version(version))]
    return next((kind for kind in KINDS if any(re.fullmatch(kind.file.replace("V", form), path.name) for form in names)), None)


def main(folders: list[str]) -> int:
    global local
    local = "--local" in folders
    folders = [folder for folder in folders if folder != "--local"]
    found = {path: check(path) for folder in folders for path in sorted(Path(folder).rglob("*")) if path.is_file()}
    for path, faults in found.items():
        kind = kind_of(path, versions.current())
        print(f"{kind.name if kind else '?':<16} {path.stat().st_size:>10,}   {path.name}", *(f"  {fault}" for fault in faults), sep="\n")
    failed = sum(map(bool, found.values()))
    print(f"{len(found) - failed} passed, {failed} failed")
    return 1 if failed or not found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) if sys.argv[1:] else __doc__)
