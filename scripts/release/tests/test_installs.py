"""Nobody is told to install a name that somebody else may take.

python3 scripts/release/tests/test_installs.py
"""

from __future__ import annotations

import sys
import unittest
from pathlib import Path
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
from release import installs  # noqa: E402
from release.tests import ROOT, run  # noqa: E402

LINES = [
    "pip install infrai",
    "pip install -U 'infrai'",
    "python3 -m pip install infrai-cli",
    "uv add infrai",
    "uv pip install infrai",
    "uvx infrai-cli",
    "pipx install infrai-cli",
    "npm install @infrai/sdk",
    "npm i -D @infrai/sdk",
    "pnpm add @infrai/sdk",
    "yarn add @infrai/sdk",
    "npx @infrai/sdk",
    "cargo add infrai",
    "cargo install infrai-cli",
    "cargo install --locked infrai-cli",
    'infrai = "0.1"',
    'infrai = { version = "0.1" }',
    'implementation("dev.infrai:infrai:0.1.0")',
    "<artifactId>infrai</artifactId>",
    '.package(url: "https://github.com/infrai/infrai-sdk", from: "0.1.0")',
    "brew install infrai",
]


class Notes(unittest.TestCase):
    def test_the_repository_tells_nobody_to_install_what_is_not_there(self) -> None:
        self.assertEqual(installs.faults(ROOT), [])

    def test_the_repository_has_such_lines_at_all(self) -> None:
        readmes = [path.read_text(encoding="utf-8") for path in ROOT.glob("bindings-*/README.md")]
        self.assertGreaterEqual(sum(bool(installs.PATTERN.search(text)) for text in readmes), 3)

    def test_a_line_without_the_note_is_found(self) -> None:
        for line in LINES:
            for text in (line, f"```sh\n{line}\n```", f"It is easy:\n\n```sh\ncd x\n{line}\n```\n", f"Use `{line}`."):
                with self.subTest(text):
                    # TOML and XML stand at the beginning of a line, in a block of code.
                    if text.startswith("Use") and line.startswith("infrai ="):
                        continue
                    self.assertEqual(len(installs.unnoted(text)), 1)

    def test_the_note_is_in_the_paragraph_or_directly_before_it(self) -> None:
        for line in LINES:
            for text in (f"It is not yet published:\n{line}", f"Not published yet. When it is:\n\n{line}\n"):
                with self.subTest(text):
                    self.assertEqual(installs.unnoted(text), [])

    def test_no_note_excuses_a_line_that_can_be_copied(self) -> None:
        for line in LINES:
            for text in (
                f"```sh\n{line}   # not published yet\n```",
                f"Not published yet. When it is:\n\n```sh\n{line}\n```",
                f"~~~\n{line}   # not published yet\n~~~",
                f"- Not published yet:\n\n  ```sh\n  {line}\n  ```\n",
                f"> Not published yet:\n>\n> ```sh\n> {line}\n> ```\n",
                f"Not published yet:\n\n    {line}\n",
            ):
                # TOML's dependency is known by the beginning of its line.
                if "> infrai = " in text:
                    continue
                with self.subTest(text):
                    self.assertEqual(len(installs.unnoted(text)), 1)

    def test_a_published_name_may_be_copied(self) -> None:
        with mock.patch.object(installs, "PUBLISHED", frozenset({"pypi:infrai"})):
            self.assertEqual(installs.unnoted("```sh\npip install infrai\n```"), [])
            self.assertEqual(len(installs.unnoted("```sh\npip install infrai   # not published yet\n```")), 1)

    def test_a_note_farther_away_does_not_count(self) -> None:
        self.assertEqual(len(installs.unnoted("Not published yet.\n\nIt is great.\n\n```sh\npip install infrai\n```\n")), 1)
        self.assertEqual(len(installs.unnoted("```\nnot published yet\n```\n\npip install infrai")), 1)

    def test_what_installs_from_a_checkout_needs_no_note(self) -> None:
        for line in (
            "pip install ./bindings-python",
            "pip install dist/infrai-0.1.0.whl",
            "npm install /tmp/infrai-sdk/*.tgz",
            "cargo install --locked --path cli",
            'infrai = { path = "../core" }',
            '.package(path: "infrai-sdk")',
            "pip install infrastructure",
        ):
            with self.subTest(line):
                self.assertEqual(installs.unnoted(line), [])

    def test_once_a_name_is_published_its_notes_have_to_go(self) -> None:
        with mock.patch.object(installs, "PUBLISHED", frozenset({"pypi:infrai"})):
            self.assertEqual(installs.unnoted("pip install infrai"), [])
            self.assertEqual(len(installs.unnoted("pip install infrai  # not published yet")), 1)
            self.assertEqual(len(installs.unnoted("pip install infrai-cli")), 1)

    def test_a_name_is_published_on_one_registry_and_not_on_the_others(self) -> None:
        with mock.patch.object(installs, "PUBLISHED", frozenset({"crates.io:infrai-cli"})):
            self.assertEqual(installs.unnoted("```sh\ncargo install infrai-cli\n```"), [])
            self.assertEqual([name for _, name, _ in installs.unnoted("```sh\npipx install infrai-cli\n```")], ["pypi:infrai-cli"])

    def test_each_line_is_of_a_registry(self) -> None:
        found = [name for line in LINES for _, name, _ in installs.unnoted(line)]
        self.assertEqual(len(found), len(LINES))
        self.assertLessEqual(installs.RELEASED - {"crates.io:infrai-render", "crates.io:infrai-sandbox"}, set(found))

    def test_a_tag_needs_what_it_publishes_to_be_named(self) -> None:
        self.assertEqual(len(installs.lacking()), len(installs.RELEASED - installs.PUBLISHED))
        with mock.patch.object(installs, "PUBLISHED", installs.RELEASED):
            self.assertEqual(installs.lacking(), [])


if __name__ == "__main__":
    run()
