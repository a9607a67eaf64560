"""A section of the torture suite: its arguments, its checks, its report."""

from __future__ import annotations

import argparse
import random
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

#: Failures of one check that are printed in full; what many rounds have in common is seen in the first few.
SHOWN = 5


class Exempt(Exception):
    """What this machine cannot do, and why: neither passed nor failed."""


class Section:
    """Counts what passed and failed, and prints the report that the suite collects."""

    def __init__(self, title: str, about: str) -> None:
        parser = argparse.ArgumentParser(description=about)
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--short", action="store_true", help="a little of everything (the default)")
        form.add_argument("--long", action="store_true", help="as often as the report says")
        parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32), help="where chance begins")
        parser.add_argument("--seconds", type=float, help="a wish; the rounds are counted, and take what they take")
        parser.add_argument("--only", default="", help="checks whose name contains this")
        given = parser.parse_args()
        self.long: bool = given.long
        self.seed: int = given.seed
        self.only: str = given.only
        self.passed = self.failed = 0
        self._title = title
        self._lines: list[str] = []
        self._lock = threading.Lock()
        print(f"seed {self.seed}", flush=True)

    def rounds(self, short: int, long: int) -> int:
        """How many of something this form has."""
        return long if self.long else short

    def wants(self, name: str) -> bool:
        """Whether a check is among those that were asked for."""
        return self.only in name

    def chance(self, *names: object) -> random.Random:
        """Chance of a check's own: the same for the same seed and names, whatever else has run."""
        return random.Random(":".join(map(str, (self.seed, *names))))

    def note(self, line: str) -> None:
        """A line of the report."""
        self._lines.append(line)

    def table(self, head: Iterable[object], rows: Iterable[Iterable[object]]) -> None:
        """A table of the report."""
        head = list(head)
        self.note("")
        for row in (head, ["---"] * len(head), *rows):
            self.note("| " + " | ".join(str(cell) for cell in row) + " |")
        self.note("")

    def check(self, name: str, trial: Callable[[], object]) -> str:
        """Runs one check; what it raises is its failure. Returns how it ended, for the report."""
        try:
            trial()
        except Exempt as why:
            print(f"exempt: {name}: {why}", flush=True)
            return f"not tried: {why}"
        except Exception as error:
            kept = False
            text = str(error) if isinstance(error, AssertionError) and str(error) else traceback.format_exc()
            print(f"FAILED: {name}\n{text}", flush=True)
        else:
            kept = True
        with self._lock:
            self.passed += kept
            self.failed += not kept
        return "held" if kept else "DID NOT HOLD"

    def repeat(self, name: str, count: int, trial: Callable[[int], object], at_once: int = 3) -> int:
        """Runs a trial for each number up to a count, some side by side; counts each, and returns how many failed."""
        failed: list[tuple[int, str]] = []

        def one(number: int) -> None:
            try:
                trial(number)
            except Exception as error:
                failed.append((number, str(error) or traceback.format_exc()))

        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(one, range(count)))
        for number, text in sorted(failed)[:SHOWN]:
            print(f"FAILED: {name}, round {number}\n{text}", flush=True)
        print(f"{name}: {count - len(failed)} of {count} rounds held", flush=True)
        self.passed += count - len(failed)
        self.failed += len(failed)
        return len(failed)

    def end(self) -> None:
        """Prints the report and the count, and ends the program."""
        print("<!-- report -->")
        print(f"## {self._title}\n")
        for line in self._lines:
            print(line)
        print("<!-- /report -->")
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed or not self.passed else 0)
