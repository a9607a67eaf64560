"""Looks into the packages of a release: everything that belongs in is in, nothing else, and each says what it is."""

from __future__ import annotations

import email
import json
import re
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from release import notices, paths, versions

ROOT = versions.ROOT
MIB = 1 << 20
NOTICE = re.escape(notices.NAME)
REPOSITORY = "https://github.com/infrai/infrai-sdk"
HOMEPAGE = "https://infrai.cc"

Files = Mapping[str, bytes]
#: Whether something holds, and what to say if not.
Told = list[str]


@dataclass(frozen=True)
class Kind:
    """What a package of some kind holds. The patterns are of whole names, `V` in them the version."""

    name: str
    #: The file's own name.
    file: str
    #: Of each, at least one file has to be there.
    needed: tuple[str, ...]
    #: What may be there besides.
    allowed: tuple[str, ...]
    #: How large the archive may be, in bytes.
    limit: int
    #: What it says about itself.
    says: Callable[[Files, str], Told]
    #: The manifest whose dependencies are compiled in, if any are.
    compiled: str | None = None


def check(path: Path, whole: bool = True) -> Told:
    """What is wrong with a package; with `whole`, also whether its notice names everything (which asks cargo)."""
    version = versions.current()
    kind = kind_of(path, version)
    if kind is None:
        return [f"{path.name}: is no package of a release of {version}"]
    files = unpacked(path)
    bad = []
    if path.stat().st_size > kind.limit:
        bad.append(f"has {path.stat().st_size} bytes, and {kind.limit} are the most that it may have")
    pattern = lambda text: re.compile(text.replace("V", re.escape(version)))  # noqa: E731
    for needed in kind.needed:
        if not any(pattern(needed).fullmatch(name) for name in files):
            bad.append(f"lacks {needed}")
    known = re.compile("|".join(f"(?:{pattern(each).pattern})" for each in (*kind.needed, *kind.allowed)))
    bad += [f"holds {name}, which nobody asked for" for name in sorted(files) if not known.fullmatch(name)]
    bad += [f"holds {name}, which leads out of it" for name in files if name.startswith("/") or ".." in name.split("/")]
    bad += [f"{name} holds {path}, a path of the machine that built it" for name in sorted(files) if built(name, files[name]) for path in sorted(paths.found(files[name]))]
    bad += kind.says(files, version)
    wanted = plain((ROOT / "LICENSE").read_bytes())
    licences = [name for name in files if re.fullmatch(r"(?:.*/)?LICENSE", name)]
    bad += [f"{name} is another text than the repository's" for name in licences if plain(files[name]) != wanted]
    if kind.compiled:
        bad += noticed(files, ROOT / kind.compiled, whole)
    return [f"{path.name}: {each}" for each in bad]


def built(name: str, content: bytes) -> bool:
    """Whether a machine wrote a file, as compilers and maturin's bills of materials are written: in texts of people, paths are examples."""
    return b"\0" in content or "/sboms/" in name


def plain(text: bytes) -> bytes:
    """A text whose lines end alike."""
    return text.replace(b"\r\n", b"\n").strip()


def noticed(files: Files, manifest: Path, whole: bool) -> Told:
    """Whether the notice of what is compiled in is there and complete."""
    texts = [files[name].decode() for name in files if name.rsplit("/", 1)[-1] == notices.NAME]
    if not texts:
        return []  # the list of what is needed has told
    if not texts[0].startswith("Third-party software in the native code of"):
        return [f"{notices.NAME} is not what scripts/third-party-licenses writes"]
    return [f"its notice does not name {each}" for each in notices.lacking(texts[0], manifest)] if whole else []


def unpacked(path: Path) -> dict[str, bytes]:
    """An archive's files by their names."""
    if tarfile.is_tarfile(path):
        with tarfile.open(path) as tar:
            members = [member for member in tar if not member.isdir()]
            # A link has no content of its own: it is told of as what nobody asked for.
            return {member.name if member.isfile() else f"{member.name} -> {member.linkname}": b"" if not member.isfile() else tar.extractfile(member).read() for member in members}  # type: ignore[union-attr]
    if not zipfile.is_zipfile(path):
        return {path.name: path.read_bytes()}
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def one(files: Files, pattern: str) -> bytes | None:
    """The file of this name."""
    return next((content for name, content in files.items() if re.fullmatch(pattern, name)), None)


def same(what: str, found: object, wanted: object) -> Told:
    return [] if found == wanted else [f"{what} is {found!r}, and has to be {wanted!r}"]


def python_says(name: str, licence: str) -> Callable[[Files, str], Told]:
    def says(files: Files, version: str) -> Told:
        raw = one(files, r".*\.dist-info/METADATA") or one(files, r"[^/]+/PKG-INFO")
        if raw is None:
            return []
        metadata = email.message_from_bytes(raw)
        bad = same("Name", metadata["Name"], name)
        bad += same("Version", metadata["Version"], re.sub(r"-(alpha|beta|rc)\.", lambda m: {"alpha": "a", "beta": "b", "rc": "rc"}[m[1]], version))
        bad += same("License-Expression", metadata["License-Expression"], licence)
        bad += same("Requires-Python", metadata["Requires-Python"], ">=3.10")
        bad += same("Description-Content-Type", (metadata["Description-Content-Type"] or "").split(";")[0], "text/markdown")
        urls = dict(each.split(", ", 1) for each in metadata.get_all("Project-URL", []))
        bad += same("the project's URLs", urls, {"Homepage": HOMEPAGE, "Repository": REPOSITORY, "Changelog": f"{REPOSITORY}/blob/main/CHANGELOG.md", "Issues": f"{REPOSITORY}/issues"})
        bad += [f"{field} is missing" for field in ("Summary", "Keywords", "Classifier") if not metadata.get_all(field)]
        bad += [f"Classifier {each} contradicts License-Expression" for each in metadata.get_all("Classifier", []) if each.startswith("License ::")]
        bad += same("Requires-Dist", metadata.get_all("Requires-Dist"), None)
        return bad + tagged(files)

    return says


def tagged(files: Files) -> Told:
    """Whether a wheel's tags are those that it is made for."""
    raw = one(files, r".*\.dist-info/WHEEL")
    if raw is None:
        return []
    tags = email.message_from_bytes(raw).get_all("Tag", [])
    platforms = r"manylinux_2_(?:5|12|17)_\w+|manylinux(?:1|2010|2014)_\w+|musllinux_1_[12]_\w+|macosx_\d+_\d+_\w+|win_amd64|win_arm64"
    allowed = re.compile(rf"(?:cp310-abi3|cp314-cp314t|py3-none)-(?:{platforms})")
    return [f"its tag {tag} is none that a release has" for tag in tags if not allowed.fullmatch(tag)] or ([] if tags else ["it has no tag"])


def sdist_says(files: Files, version: str) -> Told:
    bad = python_says("infrai", "MIT")(files, version)
    lock, manifest = one(files, r"[^/]+/Cargo\.lock"), one(files, r"[^/]+/Cargo\.toml")
    if lock is not None and b"infrai-sandbox" in lock:
        bad.append("its lock file is the workspace's: make it with scripts/release-sdist")
    project = one(files, r"[^/]+/pyproject\.toml")
    if project is not None and b'build-backend = "maturin"\n' not in project:
        bad.append("its build backend is the checkout's: make it with scripts/release-sdist")
    if manifest is not None:
        bad += same("its workspace", re.search(rb"^members = (.*)$", manifest, re.MULTILINE)[1], b'["bindings-python", "core"]')  # type: ignore[index]
    return bad


def npm_says(files: Files, version: str) -> Told:
    raw = one(files, r"package/package\.json")
    if raw is None:
        return []
    manifest = json.loads(raw)
    bad = same("license", manifest.get("license"), "MIT") + same("version", manifest.get("version"), version)
    bad += same("engines", manifest.get("engines"), {"node": ">=20"})
    bad += same("repository", manifest.get("repository", {}).get("url"), f"git+{REPOSITORY}.git") + same("homepage", manifest.get("homepage"), HOMEPAGE)
    bad += [f"{field} is missing" for field in ("description", "author", "files") if not manifest.get(field)]
    bad += [f"{field} is nothing that a published package has" for field in ("scripts", "devDependencies", "dependencies", "private") if field in manifest]
    named = set(re.findall(r'"\.?/?((?:dist|testing)/[\w./-]+|infrai\.[\w-]+\.node)"', raw.decode()))
    bad += [f"names {name}, which it does not hold" for name in sorted(named) if f"package/{name}" not in files]
    if "os" not in manifest:
        bad += [f"{field} is missing" for field in ("types", "main", "module", "exports", "keywords", "bugs") if not manifest.get(field)]
        wanted = manifest.get("optionalDependencies", {})
        bad += same("the platforms' versions", set(wanted.values()), {version})
    else:
        bad += [f"{field} is missing" for field in ("cpu", "main") if not manifest.get(field)]
        bad += ["libc is missing"] if manifest["os"] == ["linux"] and not manifest.get("libc") else []
    return bad


def crate_says(licence: str) -> Callable[[Files, str], Told]:
    def says(files: Files, version: str) -> Told:
        raw = one(files, r"[^/]+/Cargo\.toml")
        if raw is None:
            return []
        text = raw.decode()
        field = lambda name: (re.search(rf'^{name} = "(.*)"$', text.split("\n[dependencies", 1)[0], re.MULTILINE) or [None, None])[1]  # noqa: E731
        bad = same("version", field("version"), version) + same("license", field("license"), licence)
        bad += same("repository", field("repository"), REPOSITORY) + same("homepage", field("homepage"), HOMEPAGE) + same("readme", field("readme"), "README.md")
        bad += [f"{name} is missing" for name in ("description", "rust-version", "edition") if not field(name)]
        bad += [f"{name} is missing" for name in ("keywords", "categories") if not re.search(rf"^{name} = \[", text, re.MULTILINE)]
        bad += [f"depends on {name} by a path alone" for name in re.findall(r"^\[(?:dev-)?dependencies\.([\w-]+)\]\n(?!version)", text, re.MULTILINE)]
        return bad

    return says


def jar_says(files: Files, version: str) -> Told:
    bad: Told = []
    pom, manifest = one(files, r"META-INF/maven/dev\.infrai/infrai/pom\.xml"), one(files, r"META-INF/MANIFEST\.MF")
    if pom is not None:
        bad += same("version", (re.search(rb"<artifactId>infrai</artifactId>\s*<version>(.*)</version>", pom) or [b"", b""])[1], version.encode())
        bad += [f"its POM lacks {name}" for name in ("name", "description", "url", "licenses", "developers", "scm") if f"<{name}>".encode() not in pom]
    if manifest is not None and b"Automatic-Module-Name: dev.infrai" not in manifest:
        bad.append("its manifest names no module")
    return bad


def nothing(files: Files, version: str) -> Told:
    return []


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
            "PKG-INFO", r"pyproject\.toml", r"README\.md", "LICENSE", NOTICE, r"Cargo\.toml", r"Cargo\.lock", r"core/Cargo\.toml", r"core/build\.rs", r"core/src/lib\.rs",
            "core/LICENSE", r"core/README\.md", r"bindings-python/Cargo\.toml", r"bindings-python/src/lib\.rs",
            r"bindings-common/Cargo\.toml", r"bindings-common/src/lib\.rs", *(f"python/{each}" for each in LAYER),
        )),
        (r"infrai-V/(?:core|bindings-common|bindings-python)/src/.+\.rs", r"infrai-V/bindings-python/(?:README\.md|LICENSE|THIRD-PARTY-LICENSES\.txt)"),
        1 * MIB, sdist_says, "bindings-python/Cargo.toml",
    ),
    Kind(
        "Python wheel", r"infrai-V-.+\.whl", (*LAYER, NATIVE, *(rf"infrai-V\.dist-info/{each}" for each in INFO)),
        (r"infrai-V\.dist-info/sboms/.+\.json",), 5 * MIB, python_says("infrai", "MIT"), "bindings-python/Cargo.toml",
    ),
    Kind(
        "command wheel", r"infrai_cli-V-.+\.whl",
        (r"infrai_cli-V\.data/scripts/infrai(?:\.exe)?", *(rf"infrai_cli-V\.dist-info/{each}" for each in INFO)),
        (r"infrai_cli-V\.dist-info/sboms/.+\.json",), 12 * MIB, python_says("infrai-cli", "MIT AND OFL-1.1"), "cli/Cargo.toml",
    ),
    Kind(
        "npm package", r"infrai-sdk-V\.tgz",
        tuple(f"package/{each}" for each in (r"package\.json", r"README\.md", "LICENSE", r"dist/index\.js", r"dist/index\.mjs", r"dist/index\.d\.ts", r"dist/index\.d\.mts", r"testing/package\.json")),
        (r"package/dist/[a-z-]+(?:\.d)?\.m?[jt]s",), 1 * MIB, npm_says,
    ),
    Kind(
        "npm platform", r"infrai-sdk-[a-z]\w+-\w+(?:-\w+)?-V\.tgz",
        (r"package/package\.json", "package/LICENSE", f"package/{NOTICE}", r"package/infrai\.[\w-]+\.node"), (), 5 * MIB, npm_says, "bindings-node/Cargo.toml",
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
        24 * MIB, jar_says, "bindings-uniffi/Cargo.toml",
    ),
    Kind(
        "Android archive", r"infrai-android-V\.aar",
        (r"AndroidManifest\.xml", r"classes\.jar", r"proguard\.txt", r"R\.txt", r"META-INF/com/android/build/gradle/aar-metadata\.properties", *(rf"jni/{abi}/libinfrai_ffi\.so" for abi in ("arm64-v8a", "x86_64", "armeabi-v7a"))),
        (), 16 * MIB, nothing,
    ),
    Kind("Android POM", r"infrai-android-V\.pom", (), (r".*",), MIB, nothing),
    Kind(
        "Apple library", r"Infrai\.xcframework\.zip",
        (r"Infrai\.xcframework/Info\.plist", r"Infrai\.xcframework/.+/InfraiLibrary\.framework/.*InfraiLibrary", r"Infrai\.xcframework/.+/PrivacyInfo\.xcprivacy",
         r"Infrai\.xcframework/.+/LICENSE", rf"Infrai\.xcframework/.+/{NOTICE}"),
        (r"Infrai\.xcframework/.+",), 64 * MIB, nothing, "bindings-uniffi/Cargo.toml",
    ),
]  # fmt: skip


def kind_of(path: Path, version: str) -> Kind | None:
    """What a file is, by its name."""
    python = re.sub(r"-(alpha|beta|rc)\.", lambda m: {"alpha": "a", "beta": "b", "rc": "rc"}[m[1]], version)
    for kind in KINDS:
        if any(re.fullmatch(kind.file.replace("V", re.escape(form)), path.name) for form in (version, python)):
            return kind
    return None
