"""A release build names no folder of the machine that made it, and carries the licences of what is compiled in.

python3 scripts/release/tests/test_builds.py
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
from release import notices, paths, wheels  # noqa: E402
from release.tests import ROOT, run  # noqa: E402

BUILD = ROOT / "scripts" / "release-build"
#: What a program in Rust and one in C know of where their sources lay.
RUST = '#[inline(never)] fn fail(x: Option<u8>) -> u8 { x.expect("nothing") }\nfn main() { fail(std::env::args().next().map(|_| 1)); }\n'
C = "int main(void) { return 0; }\n"


class Folders(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()
        self.addCleanup(paths.places.cache_clear)
        paths.places.cache_clear()

    def given(self, **variables: str) -> dict[str, str]:
        """The variables of a build whose environment has these."""
        bare = {name: value for name, value in os.environ.items() if name not in ("CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "CFLAGS")}
        with mock.patch.dict(os.environ, {**bare, **variables}, clear=True):
            return paths.flags()


class Paths(Folders):
    def test_a_build_renames_every_folder_of_the_machine(self) -> None:
        flags = self.given()["CARGO_ENCODED_RUSTFLAGS"].split("\x1f")
        cargo = os.environ.get("CARGO_HOME") or Path.home() / ".cargo"
        for place in (Path.home(), cargo, ROOT):
            self.assertTrue(any(flag.startswith(f"--remap-path-prefix={place}=") for flag in flags), (place, flags))

    def test_flags_given_stay_and_none_comes_twice(self) -> None:
        once = self.given(RUSTFLAGS="-C debuginfo=0 -C target-feature=-crt-static")
        self.assertTrue(once["CARGO_ENCODED_RUSTFLAGS"].startswith("-C\x1fdebuginfo=0\x1f-C\x1ftarget-feature=-crt-static\x1f--remap"), once)
        self.assertEqual(self.given(**once), once)

    def test_the_root_of_everything_is_renamed_nowhere(self) -> None:
        with mock.patch.object(Path, "home", return_value=Path(self.folder.anchor)):
            self.assertNotIn(Path(self.folder.anchor), paths.places())

    def test_what_rustc_compiles_under_the_flags_names_no_folder(self) -> None:
        source, program = self.folder / "main.rs", self.folder / "out" / "program"
        source.write_text(RUST)
        program.parent.mkdir()
        for places, named in (({}, True), ({self.folder: "here"}, False)):
            with self.subTest(places), mock.patch.object(paths, "places", return_value=places):
                flags = self.given()["CARGO_ENCODED_RUSTFLAGS"].split("\x1f")
                subprocess.run(["rustc", "-O", *filter(None, flags), "-o", program, source], cwd=program.parent, check=True)
                self.assertEqual(str(source).encode() in program.read_bytes(), named)

    @unittest.skipIf(shutil.which("cc") is None or sys.platform == "win32", "there is no C compiler here")
    def test_debug_information_of_c_names_no_folder(self) -> None:
        source, program = self.folder / "main.c", self.folder / "out" / "main.o"
        source.write_text(C)
        program.parent.mkdir()
        for places, named in (({}, True), ({self.folder: "here"}, False)):
            with self.subTest(places), mock.patch.object(paths, "places", return_value=places):
                subprocess.run(["cc", "-g3", "-c", *self.given()["CFLAGS"].split(), "-o", program, source], cwd=self.folder, check=True)
                self.assertEqual(str(self.folder).encode() in program.read_bytes(), named)

    def test_paths_of_any_machine_are_found(self) -> None:
        for text in (f"{ROOT}/core", f"{Path.home()}/x", "/home/Ann/src", "/Users/Ann/src", "/".join(("", "root", "src")), r"C:\Users\Ann", "/opt/cargo/registry/src/x", r"D:\cargo\registry\src\x", "/opt/.rustup/toolchains"):
            with self.subTest(text):
                self.assertTrue(paths.found(b"\0ELF " + text.encode() + b"\0"))
        for text in ("/rustc/0123/library/core/src/panic.rs", "crates/index/hyper-1.0.0/src/lib.rs", "core/src/client/mod.rs", "/etc/ssl/certs"):
            with self.subTest(text):
                self.assertEqual(paths.found(text.encode()), set())

    def test_a_command_runs_under_the_flags_and_its_end_is_passed_on(self) -> None:
        code = "import os, sys; print(os.environ['CARGO_ENCODED_RUSTFLAGS']); sys.exit(7)"
        done = subprocess.run([sys.executable, BUILD, sys.executable, "-c", code], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 7)
        self.assertIn(f"={ROOT}=", done.stdout.replace("--remap-path-prefix", ""))


class Wheels(Folders):
    def test_the_bill_of_materials_names_no_folder_and_the_record_agrees(self) -> None:
        wheel, sbom = self.folder / "x-1-py3-none-any.whl", "x-1.dist-info/sboms/x.json"
        document = json.dumps({"bom-ref": f"path+{(ROOT / 'core').as_uri()}#infrai@1", "purl": "pkg:cargo/infrai@1?download_url=file://.", "url": f"https://x.example{Path.home().as_posix()}/"})
        with zipfile.ZipFile(wheel, "w") as archive:
            script = zipfile.ZipInfo("x-1.data/scripts/x", (1980, 1, 1, 0, 0, 0))
            script.external_attr = 0o100755 << 16
            archive.writestr(script, b"\x7fELF")
            archive.writestr(sbom, document)
            archive.writestr("x-1.dist-info/RECORD", f"x-1.data/scripts/x,sha256=abc,4\n{sbom},sha256=old,1\nx-1.dist-info/RECORD,,\n")
        wheels.clean(wheel)
        with zipfile.ZipFile(wheel) as archive:
            changed = archive.read(sbom)
            self.assertEqual(json.loads(changed), {**json.loads(document), "bom-ref": "path+file:///infrai-sdk/core#infrai@1"})
            digest = base64.urlsafe_b64encode(hashlib.sha256(changed).digest()).decode().rstrip("=")
            record = archive.read("x-1.dist-info/RECORD").decode()
            self.assertEqual(record, f"x-1.data/scripts/x,sha256=abc,4\n{sbom},sha256={digest},{len(changed)}\nx-1.dist-info/RECORD,,\n")
            kept = archive.getinfo("x-1.data/scripts/x")
            self.assertEqual((kept.date_time, kept.external_attr, archive.read(kept)), (script.date_time, script.external_attr, b"\x7fELF"))
        once = wheel.read_bytes()
        wheels.clean(wheel)
        self.assertEqual(wheel.read_bytes(), once)
        self.assertEqual(list(self.folder.iterdir()), [wheel])


class Notices(Folders):
    def crate(self, licence: str, *files: str) -> tuple[str, list[str]]:
        """Which licence a crate with these files is taken under, and which of them hold it."""
        for name in files:
            (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).write_text(name)
        chosen, found = notices.taken({"manifest_path": str(self.folder / "Cargo.toml"), "license": licence})
        return chosen, [path.relative_to(self.folder).as_posix() for path in found]

    def test_of_several_licences_one_is_taken(self) -> None:
        files = ("COPYRIGHT", "LICENSE-APACHE", "LICENSE-GPLv2", "LICENSE-MIT", "Cargo.toml", "license.rs", "tests/LICENSE", "vendor/LICENSE")
        self.assertEqual(self.crate("Apache-2.0 OR MIT OR GPL-2.0-only", *files), ("MIT", ["COPYRIGHT", "LICENSE-MIT", "vendor/LICENSE"]))

    def test_of_licences_that_hold_together_all_are_taken(self) -> None:
        self.assertEqual(self.crate("MIT AND BSD-3-Clause", "LICENSE", "LICENSE.txt"), ("MIT AND BSD-3-Clause", ["LICENSE", "LICENSE.txt"]))
        self.assertEqual(self.crate("(MIT OR Apache-2.0) AND Unicode-3.0", "LICENSE-APACHE")[1], ["LICENSE", "LICENSE-APACHE", "LICENSE.txt"])

    def test_the_local_notice_names_what_is_compiled_in(self) -> None:
        manifest = ROOT / "cli" / "Cargo.toml"
        text = notices.collected(manifest)
        self.assertEqual(notices.lacking(text, manifest), [])
        self.assertNotIn("GNU GENERAL PUBLIC LICENSE", text)
        self.assertIn("Copyright (c) the authors of harfrust\n\nPermission is hereby granted", text)

    def test_a_notice_that_names_everything_is_left_alone(self) -> None:
        place = f"bindings-node/{notices.NAME}"
        with mock.patch.object(notices, "ROOT", self.folder), mock.patch.object(notices, "compiled", return_value={("a", "1")}):
            (self.folder / "bindings-node").mkdir()
            (self.folder / place).write_text("  a 1\n")
            notices.provide("bindings-node")
            self.assertEqual((self.folder / place).read_text(), "  a 1\n")
            (self.folder / place).write_text("  a 2\n")
            with mock.patch.object(notices, "collected", return_value="  a 1\n"):
                notices.provide("bindings-node")
            self.assertTrue((self.folder / place).read_text().endswith("  a 1\n\n"))


if __name__ == "__main__":
    run()
