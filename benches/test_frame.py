"""The benchmarks' own promises: ratios are made round by round, a peer that fails is named, wrong answers are no answers.

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
    def test_a_ratio_is_made_of_each_round_by_itself(self) -> None:
        self.assertEqual(figures.ratios([10, 30, 90], [10, 10, 10]), Spread(3, 1, 9))
        with self.assertRaises(ValueError):
            figures.ratios([1, 2], [1])

    def test_a_goal_says_by_how_much_it_is_missed(self) -> None:
        met, missed = (figures.at_least("a / b", Spread(middle, 0, 9), 2) for middle in (2, 1.5))
        self.assertEqual((met.verdict, missed.verdict), ("met", "**missed by 25 %**"))
        self.assertEqual(figures.at_most("memory", 15, 12, "kB").verdict, "**missed by 25 %**")
        self.assertEqual(figures.at_least("a / b", None, 2).verdict, "**not measured**")

    def test_a_number_has_three_digits_that_count(self) -> None:
        self.assertEqual(
            [figures.number(value) for value in (0, 0.123, 1.234, 12.34, 1234.5)], ["0", "0.12", "1.23", "12.3", "1,234"]
        )


class Reports(unittest.TestCase):
    def test_results_are_kept_until_they_are_measured_again(self) -> None:
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(report, "CACHE", Path(folder)):
            result = Result(failures=["nobody did not run"])
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
            "- One: nobody did not run",
        ):
            self.assertIn(part, text)
        self.assertNotIn("Never measured", text)


class Workers(unittest.TestCase):
    def setUp(self) -> None:
        build.programs("debug", "infrai-bench-server")

    def test_a_peer_that_does_not_run_is_named_and_keeps_no_other_away(self) -> None:
        worker = places.BENCHES / "python" / "calls.py"
        good = calls.Row("http.client", [sys.executable, worker, "http.client"])
        bad = calls.Row("nobody", [sys.executable, worker, "nobody"], goals={"http.client": 2})
        absent = calls.Row("absent", ["unused"], failed="absent==1 cannot be installed")
        result = calls.compared(SMOKE, ["http.client"], [good, bad, absent])
        text = result.markdown()
        self.assertRegex(text, r"\| nobody \|  \| \*\*did not run: .*nobody")
        self.assertRegex(text, r"\| absent \|  \| \*\*did not run: absent==1 cannot be installed")
        self.assertRegex(text, r"\| http.client \|  \| [\d,.]+ \|")
        self.assertEqual(len(result.failures), 2)

    def test_one_of_ours_that_does_not_run_is_an_error(self) -> None:
        row = calls.Row("infrai", [sys.executable, places.BENCHES / "python" / "calls.py", "nobody"])
        with self.assertRaises(Failed):
            calls.compared(SMOKE, ["infrai"], [row])

    def test_requests_that_nobody_made_a_call_of_are_noticed(self) -> None:
        with ExitStack() as stack:
            server = stack.enter_context(Server("debug"))
            told = {"calls": 1, "seconds": 1.0, "cpu": 1.0, "p50": 1.0, "p99": 1.0}
            worker = mock.Mock(spec=Worker)
            worker.ask.return_value = told
            with self.assertRaisesRegex(AssertionError, "the server saw 0 requests"):
                calls.rounds(SMOKE, server, {"liar": worker}, 1, 0)


class Downloads(unittest.TestCase):
    def test_a_byte_that_is_not_the_servers_is_noticed(self) -> None:
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
