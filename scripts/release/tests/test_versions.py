"""One version everywhere, a drift is found wherever it is, and setting one leaves none behind.

python3 scripts/release/tests/test_versions.py
"""

from __future__ import annotations

import datetime
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
from release import versions  # noqa: E402
from release.tests import ROOT, run  # noqa: E402

TODAY = datetime.date(2031, 2, 3)


class Agreement(unittest.TestCase):
    def test_the_repository_has_one_version(self) -> None:
        self.assertEqual(versions.faults(), [])


class Copied(unittest.TestCase):
    """Works on a copy of the files that versions are looked for in."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        for file in versions.tracked(ROOT):
            name = Path(file).name
            if Path(file).suffix in versions.DOCUMENTS or name in {
                "Cargo.toml", "Cargo.lock", "pom.xml", "pyproject.toml", "package.json", "package-lock.json", "Package.swift",
            }:  # fmt: skip
                (self.root / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / file, self.root / file)
        for command in (["init", "--quiet"], ["add", "--all"]):
            subprocess.run(["git", *command], cwd=self.root, check=True)
        self.version = versions.current(self.root)
        major, minor, _ = self.version.split("-")[0].split(".")
        self.next = f"{major}.{int(minor) + 1}.0"

    def change(self, file: str, pattern: str, instead: str) -> None:
        text = (self.root / file).read_text(encoding="utf-8")
        text, count = re.subn(pattern, instead, text, count=1, flags=re.MULTILINE)
        self.assertEqual(count, 1, f"{file} has no {pattern}")
        (self.root / file).write_text(text, encoding="utf-8")

    def found(self, file: str) -> None:
        faults = versions.faults(self.root)
        self.assertTrue(faults, f"a drift in {file} is not found")
        self.assertTrue(any(fault.startswith(file) for fault in faults), faults)

    def test_the_copy_agrees_before_anything_is_changed_in_it(self) -> None:
        self.assertEqual(versions.faults(self.root), [])

    def test_a_drift_is_found_in_every_place(self) -> None:
        places = versions.places(self.root)
        files = {place.file for place in places}
        for needed in ("Cargo.toml", "Cargo.lock", "bindings-kotlin/pom.xml", "bindings-kotlin/README.md", "bindings-swift/README.md"):
            self.assertIn(needed, files)
        for place in places:
            if place == places[0] or place.line == self.line_of_the_version() and place.file == "Cargo.toml":
                continue
            whole = (self.root / place.file).read_text(encoding="utf-8")
            (self.root / place.file).write_text(whole[: place.start] + "9.9.9" + whole[place.end :], encoding="utf-8")
            with self.subTest(f"{place.file}:{place.line}"):
                self.assertIn(f"{place.file}:{place.line}: says 9.9.9, and Cargo.toml {self.version}", versions.faults(self.root))
            (self.root / place.file).write_text(whole, encoding="utf-8")

    def line_of_the_version(self) -> int:
        text = (self.root / "Cargo.toml").read_text(encoding="utf-8")
        return text[: text.index("[workspace.package]")].count("\n") + 2

    def test_a_version_of_its_own_where_it_should_be_cargo_s_is_found(self) -> None:
        for file, pattern, instead in (
            ("core/Cargo.toml", r"^version\.workspace = true", f'version = "{self.version}"'),
            ("bindings-python/pyproject.toml", r'^dynamic = \["version"\]', f'version = "{self.version}"'),
            ("bindings-python/cli-wheel/pyproject.toml", r'^dynamic = \["version"\]', f'version = "{self.version}"'),
            ("bindings-node/package.json", r'^  "description"', f'  "version": "{self.version}",\n  "description"'),
        ):
            whole = (self.root / file).read_text(encoding="utf-8")
            self.change(file, pattern, instead)
            with self.subTest(file):
                self.found(file)
            (self.root / file).write_text(whole, encoding="utf-8")

    def test_a_line_that_names_an_old_version_in_a_document_is_found(self) -> None:
        for line in (
            'implementation("dev.infrai:infrai-android:0.0.9")',
            '.package(url: "https://github.com/infrai/infrai-sdk", from: "0.0.9")',
            "pip install infrai==0.0.9",
            "npm install @infrai/sdk@0.0.9",
            "cargo add infrai@0.0.9",
            'infrai = "0.0.9"',
        ):
            (self.root / "README.md").write_text(f"```\n{line}\n```\n", encoding="utf-8")
            with self.subTest(line):
                self.found("README.md:2")

    def test_the_first_two_numbers_are_enough_in_a_document_and_follow(self) -> None:
        short = self.version.rsplit(".", 1)[0]
        (self.root / "core/README.md").write_text(f'infrai = "{short}"\n', encoding="utf-8")
        self.assertEqual(versions.faults(self.root), [])
        versions.set_version(self.next, self.root, TODAY)
        self.assertEqual((self.root / "core/README.md").read_text(encoding="utf-8"), f'infrai = "{self.next.rsplit(".", 1)[0]}"\n')

    def test_other_oldest_toolchains_in_the_documents_are_found(self) -> None:
        (self.root / "CONTRIBUTING.md").write_text("You need Python 3.8 or newer.\n", encoding="utf-8")
        self.found("CONTRIBUTING.md: asks for Python 3.8")

    def test_a_released_library_of_another_version_is_found(self) -> None:
        self.change("Package.swift", r"^(let released: .* = ).*$", r'\1("https://example.org/v0.0.9/Infrai.xcframework.zip", "0")')
        self.found("Package.swift")

    def test_setting_a_version_leaves_no_other_behind(self) -> None:
        self.change("Package.swift", r"^(let released: .* = ).*$", rf'\1("https://example.org/v{self.version}/Infrai.xcframework.zip", "0")')
        changed = versions.set_version(self.next, self.root, TODAY)
        self.assertEqual(versions.faults(self.root), [])
        self.assertEqual({place.says for place in versions.places(self.root)}, {self.next})
        self.assertIn("let released: (url: String, checksum: String)? = nil\n", (self.root / "Package.swift").read_text(encoding="utf-8"))
        self.assertLessEqual({"Cargo.toml", "Cargo.lock", "bindings-kotlin/pom.xml", "CHANGELOG.md"}, set(changed))
        # Once more changes nothing.
        self.assertEqual(versions.set_version(self.next, self.root, TODAY), [])

    def test_cargo_takes_the_lock_file_as_it_was_set(self) -> None:
        cargo = shutil.which("cargo")
        self.assertIsNotNone(cargo)
        lock = (self.root / "Cargo.lock").read_text(encoding="utf-8")
        versions.set_version(self.next, self.root, TODAY)
        expected = re.sub(rf'(name = "infrai[^"]*"\nversion = )"{re.escape(self.version)}"', rf'\1"{self.next}"', lock)
        self.assertEqual((self.root / "Cargo.lock").read_text(encoding="utf-8"), expected)

    def test_what_was_unreleased_gets_the_version_and_the_date(self) -> None:
        text = "# Changelog\n\n## [Unreleased]\n\n### Added\n- A thing.\n\n[Unreleased]: x\n"
        once = versions.dated(text, "0.3.0", TODAY)
        self.assertIn("## [Unreleased]\n\n## [0.3.0] - 2031-02-03\n\n### Added\n- A thing.\n", once)
        self.assertIn("[0.3.0]: https://github.com/infrai/infrai-sdk/releases/tag/v0.3.0\n", once)
        self.assertEqual(versions.dated(once, "0.3.0", TODAY), once)
        again = versions.dated(once.replace("## [Unreleased]\n", "## [Unreleased]\n\n- Another.\n"), "0.4.0", TODAY)
        self.assertIn("## [0.4.0] - 2031-02-03\n\n- Another.\n\n## [0.3.0]", again)
        self.assertIn("[Unreleased]: https://github.com/infrai/infrai-sdk/compare/v0.4.0...HEAD\n[0.4.0]: https://github.com/infrai/infrai-sdk/compare/v0.3.0...v0.4.0\n", again)
        with self.assertRaisesRegex(versions.Wrong, "take a later version"):
            versions.dated(once.replace("## [Unreleased]\n", "## [Unreleased]\n\n- Late.\n"), "0.3.0", TODAY)

    def test_a_changelog_in_disorder_is_found(self) -> None:
        for text in ("## Unreleased\n", "## [Unreleased]\n## [0.0.1] - 2031-02-03\n## [0.0.2] - 2031-02-04\n", "## [Unreleased]\n## 0.0.1\n", "## [Unreleased]\n## [99.0.0] - 2031-02-03\n"):
            (self.root / "CHANGELOG.md").write_text(text, encoding="utf-8")
            with self.subTest(text):
                self.found("CHANGELOG.md")

    def test_a_release_needs_its_tag_its_section_and_its_library(self) -> None:
        faults = versions.faults(self.root, tag="v99.0.0")
        self.assertIn(f"the tag is v99.0.0, and Cargo.toml says {self.version}", faults)
        self.assertTrue(any(fault.startswith("Package.swift: names no released library") for fault in faults), faults)
        (self.root / "CHANGELOG.md").write_text("## [Unreleased]\n", encoding="utf-8")
        self.assertTrue(any("has no section of" in fault for fault in versions.faults(self.root, tag=f"v{self.version}")))

    def test_a_version_that_is_none_or_older_is_refused_and_nothing_changes(self) -> None:
        before = {file: (self.root / file).read_bytes() for file in versions.tracked(self.root)}
        for bad in ("1.2", "v1.2.3", "1.2.3.4", "1.2.3-next", "0.0.1", "", "1.2.3\n"):
            with self.subTest(bad), self.assertRaises(versions.Wrong):
                versions.set_version(bad, self.root, TODAY)
        self.assertEqual(before, {file: (self.root / file).read_bytes() for file in versions.tracked(self.root)})

    def test_a_pre_release_comes_before_its_release(self) -> None:
        given = ["1.0.0", "1.0.0-rc.2", "1.0.0-alpha.9", "0.9.9", "1.0.0-beta.1"]
        self.assertEqual(sorted(given, key=versions.order), ["0.9.9", "1.0.0-alpha.9", "1.0.0-beta.1", "1.0.0-rc.2", "1.0.0"])


if __name__ == "__main__":
    run()
