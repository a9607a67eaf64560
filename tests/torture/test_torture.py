#!/usr/bin/env python3
"""Tests that the frame says no when a section fails in any of the ways in which one can."""

from __future__ import annotations

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import torture

GOOD = """
print("beside it")
print("<!-- report -->\\n## Kites\\n\\n| a |\\n| --- |\\n| 1 |\\n<!-- /report -->")
print("7 passed, 0 failed")
"""


class Frame(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def play(self, program: str, limit: float = 60) -> torture.Outcome:
        path = self.folder / "run"
        path.write_text(f"#!/usr/bin/env python3\nimport sys, time\n{program}")
        path.chmod(0o755)
        with contextlib.redirect_stdout(io.StringIO()) as said:
            outcome = torture.play(torture.Section("kites", (str(path),), 1), ["--short"], limit)
        self.said = said.getvalue()
        return outcome

    def test_a_section_is_counted_and_its_report_kept(self) -> None:
        outcome = self.play(GOOD)
        self.assertEqual((outcome.passed, outcome.failed), (7, 0))
        self.assertEqual(outcome.markdown, "## Kites\n\n| a |\n| --- |\n| 1 |")
        self.assertIn("beside it", self.said)

    def test_what_ends_badly_or_without_a_word_has_failed(self) -> None:
        bad = {
            "exits with 3": GOOD + "sys.exit(3)",
            "no line": GOOD.replace("7 passed, 0 failed", "all is well"),
            "no report": GOOD.replace("<!-- /report -->", ""),
            "still running": GOOD + "sys.stdout.flush(); time.sleep(600)",
        }
        for name, program in bad.items():
            outcome = self.play(program, limit=2 if name == "still running" else 60)
            self.assertGreaterEqual(outcome.failed, 1, name)
            self.assertIn("FAILED: kites", self.said, name)

    def test_failures_of_its_own_are_not_counted_twice(self) -> None:
        outcome = self.play(GOOD.replace("7 passed, 0", "5 passed, 2") + "sys.exit(1)")
        self.assertEqual((outcome.passed, outcome.failed), (5, 2))

    def test_a_part_takes_the_place_of_the_one_before(self) -> None:
        torture.REPORT = self.folder / "reliability.md"
        torture.REPORT.write_text("# Head\n\n<!-- part: a -->\nold\n<!-- /part: a -->\n\n<!-- part: b -->\nkept\n<!-- /part: b -->\n")
        torture.keep("a", "new")
        torture.keep("c", "more")
        text = torture.REPORT.read_text()
        self.assertNotIn("old", text)
        places = [text.index(word) for word in ("# Head", "new", "kept", "more")]
        self.assertEqual(places, sorted(places))
        again = text
        torture.keep("a", "new")
        self.assertEqual(torture.REPORT.read_text(), again)


if __name__ == "__main__":
    done = unittest.main(exit=False, verbosity=1).result
    bad = len(done.failures) + len(done.errors)
    print(f"{done.testsRun - bad} passed, {bad} failed")
    raise SystemExit(1 if bad else 0)
