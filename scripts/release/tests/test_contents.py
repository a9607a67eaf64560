"""A package that lacks something, holds something else, or says something wrong is found out.

python3 scripts/release/tests/test_contents.py
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
from release import contents, machine, notices, versions  # noqa: E402
from release.tests import ROOT, run  # noqa: E402

VERSION = versions.current()
LICENSE = (ROOT / "LICENSE").read_bytes()
NOTICE = notices.HEAD.format(what="a package").encode() + notices.STANDARD_LIBRARY.encode()
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

# infrai
"""


class Packages(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def platform(self, **more: bytes | None) -> list[str]:
        """A platform's npm package, some of its files other ones; what is found in it."""
        files: dict[str, bytes | None] = {
            "package.json": json.dumps(MANIFEST).encode(), "LICENSE": LICENSE, notices.NAME: NOTICE, f"infrai.{PLATFORM}.node": b"\x7fELF",
        }  # fmt: skip
        files.update(more)
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
            **{f"infrai/{each}": b"" for each in ("__init__.py", "_client.py", "testing.py", "py.typed", "_native.pyi", "_native.abi3.so")},
            f"{info}/METADATA": metadata.encode(), f"{info}/RECORD": b"", f"{info}/licenses/LICENSE": LICENSE, f"{info}/licenses/{notices.NAME}": NOTICE,
            f"{info}/WHEEL": "".join(f"Tag: cp310-abi3-{tag}\n" for tag in name.split(".")).encode(),
        }  # fmt: skip
        files.update(more)
        path = self.folder / f"infrai-{VERSION}-cp310-abi3-{name}.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for each, content in files.items():
                archive.writestr(each, content)
        return contents.check(path, whole=False)

    def only(self, found: list[str], words: str) -> None:
        self.assertEqual([each for each in found if words in each], found)
        self.assertTrue(found, f"nothing is found of {words!r}")

    def test_whole_packages_have_no_faults(self) -> None:
        self.assertEqual(self.platform(), [])
        self.assertEqual(self.wheel(), [])

    def test_a_missing_licence_or_notice_is_found(self) -> None:
        self.only(self.platform(LICENSE=None), "lacks package/LICENSE")
        self.only(self.platform(**{notices.NAME: None}), "lacks package/THIRD")
        self.only(self.platform(LICENSE=b"Another"), "another text")
        self.only(self.platform(**{notices.NAME: b"nothing"}), "is not what scripts/third-party-licenses writes")

    def test_a_stray_file_is_found(self) -> None:
        for name in (".env", "src/index.ts", "node_modules/x/index.js", "infrai.map", "../outside"):
            with self.subTest(name):
                found = self.platform(**{name: b"x"})
                self.assertTrue(any("nobody asked for" in each for each in found), found)
        self.only(self.wheel(**{"infrai/__pycache__/x.pyc": b""}), "nobody asked for")
        self.only(self.wheel(**{"tests/test_x.py": b""}), "nobody asked for")

    def test_a_path_of_the_building_machine_is_found(self) -> None:
        for path in (f"{ROOT}/core/src/lib.rs", "/home/Ann/.cargo/x", "/opt/cargo/registry/src/x/lib.rs", r"C:\Users\Ann\x"):
            with self.subTest(path):
                self.only(self.platform(**{f"infrai.{PLATFORM}.node": b"\x7fELF\0" + path.encode()}), "a path of the machine that built it")
                self.only(self.wheel(**{f"infrai-{VERSION}.dist-info/sboms/infrai.json": f'{{"bom-ref": "path+file://{path}"}}'.encode()}), "a path of the machine that built it")
        # What people write is no trace of a build.
        self.assertEqual(self.wheel(**{"infrai/testing.py": b'# such as "/home/Ann/video.mp4"\n'}), [])

    def test_what_a_package_says_wrongly_is_found(self) -> None:
        for change, words in (
            ({"version": "9.9.9"}, "version is '9.9.9'"),
            ({"license": "ISC"}, "license is 'ISC'"),
            ({"engines": {}}, "engines is"),
            ({"libc": []}, "libc is missing"),
            ({"scripts": {"postinstall": "x"}}, "scripts is nothing"),
            ({"description": ""}, "description is missing"),
        ):
            with self.subTest(words):
                self.only(self.platform(**{"package.json": json.dumps({**MANIFEST, **change}).encode()}), words)
        for old, new, words in (
            ("License-Expression: MIT", "License-Expression: ISC", "License-Expression"),
            (">=3.10", ">=3.8", "Requires-Python"),
            ("Keywords: x\n", "", "Keywords is missing"),
            (f"Version: {VERSION}", "Version: 9.9.9", "Version is"),
            ("Summary: x", "Summary: x\nRequires-Dist: requests", "Requires-Dist"),
        ):
            with self.subTest(words):
                self.only(self.wheel(metadata=METADATA.replace(old, new, 1)), words)

    def test_a_wheel_that_one_machine_alone_can_use_is_found(self) -> None:
        self.only(self.wheel("linux_x86_64"), "is none that a release has")
        self.only(self.wheel("manylinux_2_34_x86_64"), "is none that a release has")

    def test_a_package_that_is_too_large_or_none_at_all_is_found(self) -> None:
        self.only(self.wheel(**{"infrai/_native.abi3.so": bytes(range(256)) * (6 * 4096)}), "are the most")
        other = self.folder / "infrai-9.9.9.tar.gz"
        other.write_bytes(b"")
        self.only(contents.check(other), "is no package of a release")

    def test_a_notice_that_leaves_out_what_is_compiled_in_is_found(self) -> None:
        manifest = ROOT / "bindings-python" / "Cargo.toml"
        crates = notices.compiled(manifest)
        self.assertTrue({"hyper", "rustls", "pyo3", "tokio"} <= {name for name, _ in crates}, crates)
        self.assertFalse({"infrai", "proptest", "tokio-macros"} & {name for name, _ in crates}, "ours, the tests' and the compiler's parts are not compiled in")
        text = "".join(f"  {name} {version}\n" for name, version in crates) + " ".join(notices.WITHIN.values())
        self.assertEqual(notices.lacking(text, manifest), [])
        (version,) = (version for name, version in crates if name == "hyper")
        self.assertEqual(notices.lacking(text.replace(f"  hyper {version}\n", ""), manifest), [f"hyper {version}"])
        self.assertEqual(notices.lacking(text.replace(f"  hyper {version}\n", "  hyper 0.0.1\n"), manifest), [f"hyper {version}"])

    def test_the_command_s_notice_needs_the_encoder_s_and_the_fonts(self) -> None:
        manifest = ROOT / "cli" / "Cargo.toml"
        crates = notices.compiled(manifest)
        self.assertIn("openh264-sys2", {name for name, _ in crates})
        text = "".join(f"  {name} {version}\n" for name, version in crates)
        self.assertEqual(len(notices.lacking(text, manifest)), len(notices.WITHIN))

    def test_every_readme_begins_with_a_call_that_saves_a_video(self) -> None:
        for file, language, after, saved in (
            ("bindings-python/README.md", "python", "", "skyline.mp4"),
            ("bindings-node/README.md", "js", "", "skyline.mp4"),
            ("core/README.md", "rust", "", "skyline.mp4"),
            ("bindings-kotlin/README.md", "kotlin", "", "skyline.mp4"),
            ("bindings-swift/README.md", "swift", "<!-- examples/swift/Quickstart.swift -->", "skyline.mp4"),
            ("bindings-python/cli-wheel/README.md", "sh", "", "boat.mp4"),
        ):
            with self.subTest(file):
                call = machine.snippet((ROOT / file).read_text(encoding="utf-8"), language, after)
                self.assertIn("generate", call)
                self.assertIn(saved, call)
        with self.assertRaises(machine.Failed):
            machine.snippet("```py\nx\n```\n", "python")

    def test_what_is_packed_for_python_is_reduced_and_not_resolved_anew(self) -> None:
        import importlib.machinery
        import importlib.util

        loader = importlib.machinery.SourceFileLoader("release_sdist", str(ROOT / "scripts" / "release-sdist"))
        spec = importlib.util.spec_from_loader("release_sdist", loader)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
        workspace = module.reduced_workspace((ROOT / "Cargo.toml").read_text(encoding="utf-8"))
        self.assertIn('members = ["bindings-common", "bindings-python", "core"]\n', workspace)
        self.assertNotIn("infrai-sandbox", workspace)
        self.assertNotIn("infrai-render", workspace)
        self.assertIn("[profile.release]", workspace)
        core = module.reduced_core((ROOT / "core" / "Cargo.toml").read_text(encoding="utf-8"))
        self.assertNotIn("infrai-sandbox", core)
        self.assertIn("[target.'cfg(unix)'.dependencies]", core)
        project = module.reduced_project((ROOT / "bindings-python" / "pyproject.toml").read_text(encoding="utf-8"))
        self.assertIn('build-backend = "maturin"\n\n', project)
        self.assertNotIn("backend-path", project)
        same, other = '[[package]]\nname = "a"\nversion = "1"\nchecksum = "x"\n', '[[package]]\nname = "a"\nversion = "1"\nchecksum = "y"\n'
        self.assertEqual(module.locked(same), {("a", "1", "x")})
        self.assertNotEqual(module.locked(same), module.locked(other))
        # The same folder is the same archive, whenever and in whatever order it was written.
        for name in ("b", "a"):
            (self.folder / "x").mkdir(exist_ok=True)
            (self.folder / "x" / name).write_text(name)
        module.packed(self.folder / "x", self.folder / "1.tar.gz", 1)
        with mock.patch("time.time", return_value=0.0):
            module.packed(self.folder / "x", self.folder / "2.tar.gz", 1)
        self.assertEqual((self.folder / "1.tar.gz").read_bytes(), (self.folder / "2.tar.gz").read_bytes())


if __name__ == "__main__":
    run()
