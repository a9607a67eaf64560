"""Tests of the benchmarks: ratios, goals, reports, failing peers and wrong answers.

python3 benches/test_frame.py
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import unittest
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

from frame import build, figures, places, report
from frame.figures import Spread
from frame.report import Result
from frame.server import Server
from frame.workers import Failed, Worker
from sections import calls, download
from sections.settings import Settings

SMOKE = Settings(smoke=True)


class Figures(unittest.TestCase):
    def test_a_ratio_is_made_per_round(self) -> None:
        self.assertEqual(figures.ratios([10, 30, 90], [10, 10, 10]), Spread(3, 1, 9))
        with self.assertRaises(ValueError):
            figures.ratios([1, 2], [1])

    def test_a_missed_goal_reports_its_distance(self) -> None:
        met, missed = (figures.at_least("a / b", Spread(middle, 0, 9), 2) for middle in (2, 1.5))
        self.assertEqual((met.verdict, missed.verdict), ("met", "**missed by 25 %**"))
        self.assertEqual(figures.at_most("memory", 15, 12, "kB").verdict, "**missed by 25 %**")
        self.assertEqual(figures.at_least("a / b", None, 2).verdict, "**not measured**")

    def test_a_number_has_three_significant_digits(self) -> None:
        self.assertEqual(
            [figures.number(value) for value in (0, 0.123, 1.234, 12.34, 1234.5)], ["0", "0.12", "1.23", "12.3", "1,234"]
        )


class Reports(unittest.TestCase):
    def test_results_are_kept_until_the_next_run(self) -> None:
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(report, "CACHE", Path(folder)):
            result = Result(failures=["a peer did not run"])
            result.table(["", "figure"], [["one|two", "1"]])
            result.goals.append(figures.at_least("a / b", Spread(1, 1, 1), 2))
            report.keep("one", "today", result)
            text = report.assembled("a machine", [("one", "One"), ("never", "Never measured")])
        for part in (
            "## One",
            "*today*",
            "| one/two | 1 |",
            "| One | a / b ≥ 2 |",
            "missed by 50 %",
            "- One: a peer did not run",
        ):
            self.assertIn(part, text)
        self.assertNotIn("Never measured", text)


class Workers(unittest.TestCase):
    def setUp(self) -> None:
        build.programs("debug", "infrai-bench-server")

    def test_a_failing_peer_is_named_and_others_run(self) -> None:
        worker = places.BENCHES / "python" / "calls.py"
        good = calls.Row("http.client", [sys.executable, worker, "http.client"])
        bad = calls.Row("unknown", [sys.executable, worker, "unknown"], beside="http.client", goals=calls.both(2))
        absent = calls.Row("absent", ["unused"], beside="http.client", failed="absent==1 cannot be installed")
        result = calls.compared(SMOKE, [good, bad, absent])
        text = result.markdown()
        self.assertRegex(text, r"\| unknown \|  \| \*\*did not run: .*unknown")
        self.assertRegex(text, r"\| absent \|  \| \*\*did not run: absent==1 cannot be installed")
        self.assertRegex(text, r"\| http.client \|  \| [\d,.]+ \|")
        self.assertEqual(len(result.failures), 2)

    def test_a_failing_client_of_the_sdk_is_an_error(self) -> None:
        row = calls.Row("infrai", [sys.executable, places.BENCHES / "python" / "calls.py", "unknown"])
        with self.assertRaises(Failed):
            calls.compared(SMOKE, [row])

    def test_counts_of_clients_and_server_must_agree(self) -> None:
        with ExitStack() as stack:
            server = stack.enter_context(Server("debug"))
            answer = {"calls": 1, "seconds": 1.0, "cpu": 1.0, "p50": 1.0, "p99": 1.0}
            worker = mock.Mock(spec=Worker)
            worker.ask.return_value = answer
            with self.assertRaisesRegex(AssertionError, "the server saw 0 requests"):
                calls.rounds(SMOKE, server, {"liar": worker}, 1, 0)


class Goals(unittest.TestCase):
    def rows(self, section: str) -> list[calls.Row]:
        """Returns the rows of a section of calls without building or measuring anything."""
        patched = [mock.patch.object(calls, name) for name in ("build", "packages", "compared")]
        with patched[0], patched[1], patched[2] as compared:
            getattr(calls, section)(Settings())
        rows: list[calls.Row] = compared.call_args.args[1]
        return rows

    def test_each_language_has_clients_of_its_own_alone(self) -> None:
        for section, worker in {"rust": "infrai-bench-rust", "python": "calls.py", "node": "calls.mjs"}.items():
            for row in self.rows(section):
                self.assertTrue(any(worker in str(word) for word in row.command), f"{section}: {row.name}")

    def test_async_clients_are_compared_with_the_async_one(self) -> None:
        for row in self.rows("python"):
            if row.beside:
                self.assertEqual(row.beside.endswith(" async"), row.name.endswith(" async"), row.name)

    def test_a_goal_belongs_to_its_mode(self) -> None:
        row = calls.Row("peer", [], beside="ours", goals={1: 0.85, 64: 1.1})
        measured = {"ours": calls.Measured(rates=[2, 2]), "peer": calls.Measured(rates=[2, 2])}
        alone, many, other = (calls.goals("One core", [row], at_once, measured) for at_once in (1, 64, 8))
        self.assertEqual([(goal.text, goal.verdict) for goal in alone], [("one core: ours / peer ≥ 0.85", "met")])
        self.assertEqual([(goal.text, goal.verdict) for goal in many], [("one core: ours / peer ≥ 1.1", "**missed by 9 %**")])
        self.assertEqual(other, [])
        (unmeasured,) = calls.goals("One core", [row], 1, {"ours": calls.Measured(rates=[2])})
        self.assertEqual(unmeasured.verdict, "**not measured**")


class Downloads(unittest.TestCase):
    def test_a_wrong_byte_or_length_is_noticed(self) -> None:
        build.programs("debug", "infrai-bench-server")
        length, pattern = 20 * download.BLOCK + 5, download.block()
        with tempfile.TemporaryDirectory() as folder, Server("debug") as server:
            path = Path(folder) / "file.mp4"
            download.curl(server.url, length, path)
            download.checked(path, length, pattern)
            bytes_ = bytearray(path.read_bytes())
            for at in (3, 10 * download.BLOCK + 100, length - 1):
                bytes_[at] ^= 1
                path.write_bytes(bytes_)
                with self.assertRaises(AssertionError):
                    download.checked(path, length, pattern)
                bytes_[at] ^= 1
            path.write_bytes(bytes_[:-1])
            with self.assertRaises(AssertionError):
                download.checked(path, length, pattern)


class Peers(unittest.TestCase):
    def test_every_peer_is_pinned(self) -> None:
        lines = (places.BENCHES / "python" / "requirements.txt").read_text().splitlines()
        pins = [line for line in lines if not line.startswith("#")]
        self.assertEqual([pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.]+", pin)], [])
        manifest = json.loads((places.BENCHES / "node" / "package.json").read_text())
        lock = json.loads((places.BENCHES / "node" / "package-lock.json").read_text())
        for name, version in manifest["dependencies"].items():
            self.assertEqual(lock["packages"][f"node_modules/{name}"]["version"], version)
        self.assertFalse([name for name, package in lock["packages"].items() if "resolved" in package])


if __name__ == "__main__":
    program = unittest.main(exit=False, verbosity=1)
    failed = len(program.result.failures) + len(program.result.errors)
    print(f"{program.result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
