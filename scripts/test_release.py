#!/usr/bin/env python3
"""Tests of versions.py, contents.py, notices.py, pages.py, release_build.py and the Python package's build backend, on small copies."""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

sys.dont_write_bytecode = True
sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "bindings-python")]
import contents  # noqa: E402
import mcpb  # noqa: E402
import notices  # noqa: E402
import pages  # noqa: E402
import release_build  # noqa: E402
import versions  # noqa: E402

ROOT = versions.ROOT
VERSION = versions.current()
TODAY = datetime.date(2031, 2, 3)
LICENSE = (ROOT / "LICENSE").read_bytes()
PLATFORM = "linux-x64-gnu"
MANIFEST = {
    "name": f"@infrai/sdk-{PLATFORM}", "version": VERSION, "description": "x", "license": "MIT", "author": "x", "homepage": contents.HOMEPAGE,
    "repository": {"type": "git", "url": f"git+{contents.REPOSITORY}.git"}, "engines": {"node": ">=20"}, "os": ["linux"], "cpu": ["x64"], "libc": ["glibc"],
    "main": f"infrai.{PLATFORM}.node", "files": [f"infrai.{PLATFORM}.node"],
}  # fmt: skip
METADATA = f"""Metadata-Version: 2.4
Name: infrai
Version: {VERSION}
Summary: x
Keywords: x
Classifier: Typing :: Typed
License-Expression: MIT
Requires-Python: >=3.10
Description-Content-Type: text/markdown
Project-URL: Homepage, {contents.HOMEPAGE}
Project-URL: Repository, {contents.REPOSITORY}
Project-URL: Changelog, {contents.REPOSITORY}/blob/main/CHANGELOG.md
Project-URL: Issues, {contents.REPOSITORY}/issues

"""
#: Lines that install a name of ours.
LINES = [
    "pip install infrai", "pip install -U 'infrai'", "python3 -m pip install infrai-cli", "uv add infrai", "uv pip install infrai", "uvx infrai-cli", "pipx install infrai-cli",
    "npm install @infrai/sdk", "npm install @infrai/ai-sdk", "npm i -D @infrai/sdk", "pnpm add @infrai/sdk", "yarn add @infrai/sdk", "npx @infrai/sdk", "cargo add infrai", "cargo install --locked infrai-cli",
    'infrai = "0.1"', 'infrai = { version = "0.1" }', 'implementation("dev.infrai:infrai:0.1.0")', "<artifactId>infrai</artifactId>",
    '.package(url: "https://github.com/infrai/infrai-sdk", from: "0.1.0")', "brew install infrai",
]  # fmt: skip


class Folder(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()


class Versions(Folder):
    """Works on a copy of the files that versions are looked for in."""

    def setUp(self) -> None:
        super().setUp()
        names = {"Cargo.toml", "Cargo.lock", "pom.xml", "pyproject.toml", "package.json", "package-lock.json", "server.json", "Package.swift"}
        for file in versions.tracked(ROOT):
            if Path(file).suffix in versions.DOCUMENTS or Path(file).name in names:
                (self.folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / file, self.folder / file)
        for command in (["init", "--quiet"], ["add", "--all"]):
            subprocess.run(["git", *command], cwd=self.folder, check=True)
        major, minor, _ = VERSION.split("-")[0].split(".")
        self.next = f"{major}.{int(minor) + 1}.0"

    def test_a_drift_is_found_in_every_place(self) -> None:
        self.assertEqual(versions.faults(self.folder), [])
        places = versions.places(self.folder)
        self.assertLessEqual({"Cargo.toml", "Cargo.lock", "cli/mcp-bundle/server.json", "bindings-kotlin/pom.xml", "bindings-kotlin/README.md", "bindings-swift/README.md"}, {place.file for place in places})
        line = (self.folder / "Cargo.toml").read_text(encoding="utf-8").partition("[workspace.package]")[0].count("\n") + 2
        for place in places:
            if (place.file, place.line) != ("Cargo.toml", line):
                self.changed(place.file, lambda text, place=place: text[: place.start] + "9.9.9" + text[place.end :], f"{place.file}:{place.line}: says 9.9.9, and Cargo.toml {VERSION}")

    def changed(self, file: str, change: object, words: str) -> None:
        """A fault with these words is found while a file is changed."""
        whole = (self.folder / file).read_text(encoding="utf-8")
        (self.folder / file).write_text(change(whole), encoding="utf-8")  # type: ignore[operator]
        with self.subTest(words):
            self.assertTrue(any(words in fault for fault in versions.faults(self.folder)), f"not found: {words}")
        (self.folder / file).write_text(whole, encoding="utf-8")

    def test_everything_else_that_does_not_agree_is_found(self) -> None:
        for file, old, new in (
            ("core/Cargo.toml", "version.workspace = true", f'version = "{VERSION}"'),
            ("bindings-python/pyproject.toml", 'dynamic = ["version"]', f'version = "{VERSION}"'),
            ("bindings-node/package.json", '  "description"', f'  "version": "{VERSION}",\n  "description"'),
            ("Package.swift", "= nil\n", '= ("https://example.org/v0.0.9/Infrai.xcframework.zip", "0")\n'),
        ):
            self.changed(file, lambda text, old=old, new=new: text.replace(old, new, 1), file)
        self.changed("CONTRIBUTING.md", lambda _: "You need Python 3.8 or newer.\n", "asks for Python 3.8")
        for text in ("## Unreleased\n", "## [Unreleased]\n## [0.0.1] - 2031-02-03\n## [0.0.2] - 2031-02-04\n", "## [Unreleased]\n## 0.0.1\n", "## [Unreleased]\n## [99.0.0] - 2031-02-03\n"):
            self.changed("CHANGELOG.md", lambda _, text=text: text, "CHANGELOG.md: has to be")
        for line in ("dev.infrai:infrai-android:0.0.9", 'infrai-sdk", from: "0.0.9"', "infrai==0.0.9", "@infrai/sdk@0.0.9", "infrai@0.0.9", 'infrai = "0.0.9"'):
            self.changed("README.md", lambda _, line=line: f"```\n{line}\n```\n", "README.md:2")

    def test_setting_a_version_leaves_no_other_behind(self) -> None:
        short = VERSION.rsplit(".", 1)[0]
        (self.folder / "core/README.md").write_text(f'infrai = "{short}" is not published\n', encoding="utf-8")
        self.assertEqual(versions.faults(self.folder), [])
        changed = versions.set_version(self.next, self.folder, TODAY)
        self.assertEqual(versions.faults(self.folder), [])
        self.assertEqual({place.says for place in versions.places(self.folder)}, {self.next, self.next.rsplit(".", 1)[0]})
        self.assertLessEqual({"Cargo.toml", "Cargo.lock", "bindings-kotlin/pom.xml", "CHANGELOG.md"}, set(changed))
        self.assertEqual(versions.set_version(self.next, self.folder, TODAY), [])
        tagged = versions.faults(self.folder, tag=f"v{self.next}")
        self.assertTrue(all("PUBLISHED lacks" in fault or "names no released library" in fault for fault in tagged), tagged)
        self.assertEqual(len(tagged), 1 + len(versions.RELEASED - versions.PUBLISHED))
        self.assertTrue(any("the tag is v99.0.0" in fault for fault in versions.faults(self.folder, tag="v99.0.0")))

    def test_what_was_unreleased_gets_the_version_and_the_date(self) -> None:
        text = "# Changelog\n\n## [Unreleased]\n\n### Added\n- A thing.\n\n[Unreleased]: x\n"
        once = versions.dated(text, "0.3.0", TODAY)
        self.assertIn("## [Unreleased]\n\n## [0.3.0] - 2031-02-03\n\n### Added\n- A thing.\n", once)
        self.assertIn("[0.3.0]: https://github.com/infrai/infrai-sdk/releases/tag/v0.3.0\n", once)
        self.assertEqual(versions.dated(once, "0.3.0", TODAY), once)
        late = once.replace("## [Unreleased]\n", "## [Unreleased]\n\n- Another.\n")
        self.assertIn("[0.4.0]: https://github.com/infrai/infrai-sdk/compare/v0.3.0...v0.4.0\n", versions.dated(late, "0.4.0", TODAY))
        with self.assertRaisesRegex(versions.VersionError, "take a later version"):
            versions.dated(late, "0.3.0", TODAY)

    def test_a_version_that_is_none_or_older_is_refused_and_nothing_changes(self) -> None:
        before = {file: (self.folder / file).read_bytes() for file in versions.tracked(self.folder)}
        for bad in ("1.2", "v1.2.3", "1.2.3.4", "1.2.3-next", "0.0.1", "", "1.2.3\n"):
            with self.subTest(bad), self.assertRaises(versions.VersionError):
                versions.set_version(bad, self.folder, TODAY)
        self.assertEqual(before, {file: (self.folder / file).read_bytes() for file in versions.tracked(self.folder)})
        self.assertEqual(sorted(["1.0.0", "1.0.0-rc.2", "1.0.0-alpha.9", "0.9.9"], key=versions.order), ["0.9.9", "1.0.0-alpha.9", "1.0.0-rc.2", "1.0.0"])


class Installs(unittest.TestCase):
    def count(self, number: int, *texts: str) -> None:
        for text in texts:
            with self.subTest(text):
                self.assertEqual(len(versions.unnoted(text)), number)

    def test_a_line_needs_a_note_in_prose_and_no_note_excuses_it_in_code(self) -> None:
        for line in LINES:
            self.count(1, line, f"```sh\n{line}\n```", f"It is easy:\n\n```sh\ncd x\n{line}\n```\n")
            self.count(0, f"It is not yet published:\n{line}", f"Not published yet. When it is:\n\n{line}\n")
            self.count(1, f"```sh\n{line}   # not published yet\n```", f"Not published yet:\n\n```sh\n{line}\n```", f"- Not published yet:\n\n  ~~~\n  {line}\n  ~~~\n", f"Not published yet:\n\n    {line}\n")
        self.count(1, "Not published yet.\n\nIt is great.\n\npip install infrai\n", "```\nnot published yet\n```\n\npip install infrai")
        self.assertLessEqual(versions.RELEASED - {"crates.io:infrai-render", "crates.io:infrai-sandbox"}, {name for line in LINES for _, name in versions.unnoted(line)})

    def test_what_installs_from_a_checkout_needs_no_note(self) -> None:
        self.count(0, "pip install ./bindings-python", "pip install dist/infrai-0.1.0.whl", "npm install /tmp/infrai-sdk/*.tgz", "cargo install --locked --path cli", 'infrai = { path = "../core" }', "pip install infrastructure")

    def test_once_a_name_is_published_on_a_registry_its_notes_have_to_go(self) -> None:
        with mock.patch.object(versions, "PUBLISHED", frozenset({"pypi:infrai"})):
            self.count(0, "pip install infrai", "```sh\npip install infrai\n```")
            self.count(1, "pip install infrai  # not published yet", "pip install infrai-cli", "cargo add infrai")


class Contents(Folder):
    def platform(self, **more: bytes | None) -> list[str]:
        """What is found in a platform's npm package, some of its files other ones."""
        files = {"package.json": json.dumps(MANIFEST).encode(), "LICENSE": LICENSE, notices.NAME: notices.HEAD.encode(), f"infrai.{PLATFORM}.node": b"\x7fELF", **more}
        path = self.folder / f"infrai-sdk-{PLATFORM}-{VERSION}.tgz"
        with tarfile.open(path, "w:gz") as tar:
            for name, content in files.items():
                if content is not None:
                    entry = tarfile.TarInfo(f"package/{name}")
                    entry.size = len(content)
                    tar.addfile(entry, io.BytesIO(content))
        return contents.check(path, whole=False)

    def wheel(self, name: str = "manylinux_2_17_x86_64.manylinux2014_x86_64", metadata: str = METADATA, **more: bytes) -> list[str]:
        info = f"infrai-{VERSION}.dist-info"
        files = {
            **{f"infrai/{each}": b"" for each in ("__init__.py", "_client.py", "testing.py", "webhooks.py", "py.typed", "_native.pyi", "_native.abi3.so", "docs/index.md")},
            f"{info}/METADATA": metadata.encode(), f"{info}/RECORD": b"", f"{info}/licenses/LICENSE": LICENSE, f"{info}/licenses/{notices.NAME}": notices.HEAD.encode(),
            f"{info}/WHEEL": "".join(f"Tag: cp310-abi3-{tag}\n" for tag in name.split(".")).encode(), **more,
        }  # fmt: skip
        path = self.folder / f"infrai-{VERSION}-cp310-abi3-{name}.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for each, content in files.items():
                archive.writestr(each, content)
        return contents.check(path, whole=False)

    def only(self, found: list[str], words: str) -> None:
        with self.subTest(words):
            self.assertEqual([each for each in found if words in each], found)
            self.assertTrue(found, f"nothing is found of {words!r}")

    def test_whole_packages_have_no_faults_and_each_other_one_has(self) -> None:
        self.assertEqual([self.platform(), self.wheel()], [[], []])
        self.only(self.platform(LICENSE=None), "lacks package/LICENSE")
        self.only(self.platform(**{notices.NAME: None}), "lacks package/THIRD")
        self.only(self.platform(LICENSE=b"Another"), "another text")
        self.only(self.platform(**{notices.NAME: b"nothing"}), "is not what scripts/notices.py writes")
        for name in (".env", "src/index.ts", "node_modules/x/index.js", "infrai.map", "../outside"):
            self.only(self.platform(**{name: b"x"}), "nobody asked for")
        self.only(self.wheel(**{"infrai/__pycache__/x.pyc": b""}), "nobody asked for")
        self.only(self.wheel("linux_x86_64"), "is none that a release has")
        self.only(self.wheel("manylinux_2_34_x86_64"), "is none that a release has")
        self.only(self.wheel(**{"infrai/_native.abi3.so": bytes(range(256)) * (6 * 4096)}), "are the most")
        (self.folder / "infrai-9.9.9.tar.gz").write_bytes(b"")
        self.only(contents.check(self.folder / "infrai-9.9.9.tar.gz"), "is no package of a release")

    def test_what_a_package_says_wrongly_is_found(self) -> None:
        for change, words in (
            ({"version": "9.9.9"}, "version is '9.9.9'"), ({"license": "ISC"}, "license is 'ISC'"), ({"engines": {}}, "engines is"), ({"libc": []}, "libc is missing"),
            ({"scripts": {"postinstall": "x"}}, "scripts is nothing"), ({"description": ""}, "description is missing"),
        ):  # fmt: skip
            self.only(self.platform(**{"package.json": json.dumps({**MANIFEST, **change}).encode()}), words)
        for old, new, words in (
            ("License-Expression: MIT", "License-Expression: ISC", "License-Expression"), (">=3.10", ">=3.8", "Requires-Python"), ("Keywords: x\n", "", "Keywords is missing"),
            (f"Version: {VERSION}", "Version: 9.9.9", "Version is"), ("Summary: x", "Summary: x\nRequires-Dist: requests", "Requires-Dist"),
        ):  # fmt: skip
            self.only(self.wheel(metadata=METADATA.replace(old, new, 1)), words)

    def test_the_bundle_of_a_wheel_is_whole_and_the_registry_gets_its_sum(self) -> None:
        described = json.loads((mcpb.SOURCE / "server.json").read_text(encoding="utf-8"))
        triples = [package["identifier"].rsplit("/", 1)[-1].removeprefix("infrai-").removesuffix(".mcpb") for package in described["packages"]]
        for triple in triples:
            info, program = f"infrai_cli-{VERSION}.dist-info/licenses", "infrai.exe" if "windows" in triple else "infrai"
            with zipfile.ZipFile(self.folder / "x.whl", "w") as archive:
                for name, content in ((f"infrai_cli-{VERSION}.data/scripts/{program}", b"\x7fELF"), (f"{info}/LICENSE", LICENSE), (f"{info}/{notices.NAME}", notices.HEAD.encode())):
                    archive.writestr(name, content)
            bundle = mcpb.bundle(self.folder / "x.whl", triple, self.folder)
            self.assertEqual(contents.check(bundle, whole=False), [], triple)
            once = bundle.read_bytes()
            self.assertEqual(mcpb.bundle(self.folder / "x.whl", triple, self.folder).read_bytes(), once)
            with zipfile.ZipFile(bundle) as archive:
                self.assertEqual(archive.getinfo(f"server/{program}").external_attr >> 16, 0o100755)
                files = {name: archive.read(name) for name in archive.namelist()}
            manifest = json.loads(files["manifest.json"])
            for change, words in (({"version": "9.9.9"}, "version is '9.9.9'"), ({"server": {**manifest["server"], "entry_point": "server/x"}}, "does not hold")):
                with zipfile.ZipFile(bundle, "w") as archive:
                    for name, content in files.items():
                        archive.writestr(name, json.dumps({**manifest, **change}) if name == "manifest.json" else content)
                self.assertIn(words, "\n".join(contents.check(bundle, whole=False)))
            bundle.write_bytes(once)
        packages = json.loads(mcpb.registry(self.folder).read_text(encoding="utf-8"))["packages"]
        self.assertEqual([package["fileSha256"] for package in packages], [hashlib.sha256((self.folder / f"infrai-{triple}.mcpb").read_bytes()).hexdigest() for triple in triples])

    def test_a_path_of_the_building_machine_is_found(self) -> None:
        for path in (f"{ROOT}/core/src/lib.rs", "/home/Ann/.cargo/x", "/opt/cargo/registry/src/x/lib.rs", r"C:\Users\Ann\x", "/opt/.rustup/toolchains"):
            self.only(self.platform(**{f"infrai.{PLATFORM}.node": b"\x7fELF\0" + path.encode()}), "a path of the machine that built it")
            self.only(self.wheel(**{f"infrai-{VERSION}.dist-info/sboms/infrai.json": f'{{"bom-ref": "path+file://{path}"}}'.encode()}), "a path of the machine that built it")
        # What people write is no trace of a build, and the standard library's own names are none of this machine's.
        self.assertEqual(self.wheel(**{"infrai/testing.py": b'# such as "/home/Ann/video.mp4"\n'}), [])
        self.assertEqual(release_build.found(b"/rustc/0123/library/core/src/panic.rs crates/index/hyper-1.0.0/src/lib.rs /etc/ssl/certs"), set())


class Builds(Folder):
    def test_what_is_compiled_under_the_flags_names_no_folder(self) -> None:
        rust, c = self.folder / "main.rs", self.folder / "main.c"
        rust.write_text('#[inline(never)] fn fail(x: Option<u8>) -> u8 { x.expect("nothing") }\nfn main() { fail(std::env::args().next().map(|_| 1)); }\n')
        c.write_text("int main(void) { return 0; }\n")
        bare = {name: value for name, value in os.environ.items() if name not in ("CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "CFLAGS")}
        for places, named in (({}, True), ({self.folder: "here"}, False)):
            with self.subTest(places), mock.patch.object(release_build, "places", return_value=places), mock.patch.dict(os.environ, bare, clear=True):
                flags = release_build.flags()
                subprocess.run(["rustc", "-O", *filter(None, flags["CARGO_ENCODED_RUSTFLAGS"].split("\x1f")), "-o", self.folder / "rust", rust], check=True)
                subprocess.run(["cc", "-g3", "-c", *flags["CFLAGS"].split(), "-o", self.folder / "c", c], cwd=self.folder, check=True)
                self.assertEqual([str(self.folder).encode() in (self.folder / name).read_bytes() for name in ("rust", "c")], [named, named])
        with mock.patch.dict(os.environ, {**bare, "RUSTFLAGS": "-C target-feature=-crt-static"}, clear=True):
            once = release_build.flags()
            self.assertTrue(once["CARGO_ENCODED_RUSTFLAGS"].startswith("-C\x1ftarget-feature=-crt-static\x1f--remap"), once)
            with mock.patch.dict(os.environ, once):
                self.assertEqual(release_build.flags(), once)

    def test_a_command_runs_under_the_flags_and_its_end_is_passed_on(self) -> None:
        code = "import os, sys; print(os.environ['CARGO_ENCODED_RUSTFLAGS']); sys.exit(7)"
        done = subprocess.run([sys.executable, ROOT / "scripts" / "release_build.py", sys.executable, "-c", code], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, f"{ROOT}=infrai-sdk" in done.stdout), (7, True))

    def test_the_wheel_s_bill_of_materials_names_no_folder_and_the_record_agrees(self) -> None:
        with mock.patch.dict(sys.modules, {"maturin": mock.MagicMock()}):
            import build_backend
        wheel, sbom = self.folder / "x-1-py3-none-any.whl", "x-1.dist-info/sboms/x.json"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(sbom, json.dumps({"bom-ref": f"path+{(ROOT / 'core').as_uri()}#infrai@1"}))
            archive.writestr("x-1.dist-info/RECORD", f"x,sha256=abc,4\n{sbom},sha256=old,1\n")
        build_backend.clean(wheel)
        with zipfile.ZipFile(wheel) as archive:
            self.assertEqual(json.loads(archive.read(sbom)), {"bom-ref": "path+file:///infrai-sdk/core#infrai@1"})
            self.assertRegex(archive.read("x-1.dist-info/RECORD").decode(), rf"\Ax,sha256=abc,4\n{sbom},sha256=(?!old)[\w-]{{43}},{len(archive.read(sbom))}\n\Z")
        self.assertEqual(list(self.folder.iterdir()), [wheel])


class Pages(unittest.TestCase):
    def test_every_link_leads_to_a_page_of_the_package_or_to_the_web(self) -> None:
        for language in pages.FOLDERS:
            found = pages.package(language)
            self.assertEqual({name for name in found if "/" in name}, set())
            anchors = {name: {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)} for name, text in found.items()}
            for name, text in found.items():
                for _, target, anchor, _ in pages.LINK.findall(text):
                    with self.subTest(language=language, page=name, target=target + anchor):
                        if not target.startswith("https://") and not anchor and target == "../README.md":
                            self.assertEqual(language, "node")
                        elif not target.startswith("https://"):
                            self.assertIn(anchor[1:] or next(iter(anchors[target])), anchors[target])
                for anchor in re.findall(r"\]\(#([^)]+)\)", text):
                    self.assertIn(anchor, anchors[name], f"{language}: {name}")

    def test_a_page_is_in_the_package_or_left_out_by_name(self) -> None:
        listed = set(pages.order())
        self.assertEqual({path.name for path in (ROOT / "docs").glob("*.md") if not path.name.endswith(".zh.md")} - listed, set())
        self.assertLessEqual({"index.md", "quickstart.md", "api.md", "errors.md", "error-codes.md", "testing.md"}, set(pages.package("python")) & set(pages.package("node")))

    def test_the_pages_are_of_one_language_small_and_name_the_version(self) -> None:
        others = {"python": r"\*\*(Node|Rust|Swift|Kotlin)\*\*|^\| (Node|Rust|Swift|Kotlin) \|", "node": r"\*\*(Python|Rust|Swift|Kotlin)\*\*|^\| (Python|Rust|Swift|Kotlin) \|"}
        for language, other in others.items():
            found = pages.package(language)
            self.assertLess(sum(len(text.encode()) for text in found.values()), pages.LIMIT)
            self.assertIn(f" {VERSION}", found["index.md"].split("\n\n")[1])
            for name, text in found.items():
                self.assertIsNone(re.search(other, text, re.MULTILINE), f"{language}: {name}")
                self.assertNotRegex(text, r"(?m)^<!--|!\[|\n\n\n\n")
                self.assertEqual(text.count("```") % 2, 0, name)


class Notices(Folder):
    def taken(self, licence: str, *files: str) -> tuple[str, list[str]]:
        """Which licence a crate with these files is taken under, and which of them hold it."""
        for name in files:
            (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).write_text(name)
        chosen, found = notices.taken({"manifest_path": str(self.folder / "Cargo.toml"), "license": licence})
        return chosen, [path.relative_to(self.folder).as_posix() for path in found]

    def test_of_several_licences_one_is_taken_and_of_those_that_hold_together_all(self) -> None:
        files = ("COPYRIGHT", "LICENSE-APACHE", "LICENSE-GPLv2", "LICENSE-MIT", "Cargo.toml", "license.rs", "tests/LICENSE", "vendor/LICENSE")
        self.assertEqual(self.taken("Apache-2.0 OR MIT OR GPL-2.0-only", *files), ("MIT", ["COPYRIGHT", "LICENSE-MIT", "vendor/LICENSE"]))
        self.assertEqual(self.taken("(MIT OR Apache-2.0) AND Unicode-3.0")[1], ["COPYRIGHT", "LICENSE-APACHE", "LICENSE-GPLv2", "LICENSE-MIT", "vendor/LICENSE"])

    def test_a_notice_names_what_is_compiled_in_and_what_it_leaves_out_is_found(self) -> None:
        text = notices.collected("cli")
        self.assertEqual(notices.lacking(text, "cli"), [])
        self.assertNotIn("GNU GENERAL PUBLIC LICENSE", text)
        self.assertIn("Copyright (c) the authors of harfrust\n\nPermission is hereby granted", text)
        names = {name: version for name, version in notices.compiled("cli")}
        self.assertTrue({"hyper", "rustls", "tokio", "openh264-sys2"} <= set(names), names)
        self.assertFalse({"infrai", "proptest", "tokio-macros"} & set(names), "ours, the tests' and the compiler's parts are not compiled in")
        line = f"  hyper {names['hyper']}"
        self.assertEqual(notices.lacking(text.replace(line, "  hyper 0.0.1"), "cli"), [line.strip()])
        self.assertEqual(len(notices.lacking("\n".join(f"  {name} {version}" for name, version in notices.compiled("cli")), "cli")), len(notices.WITHIN))


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=1).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
