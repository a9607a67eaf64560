"""The promises of what makes and checks a release."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent.parent


def run() -> None:
    """Runs the tests of the calling file, and ends with `N passed, N failed`."""
    program = unittest.main(module="__main__", exit=False, verbosity=1)
    failed = len(program.result.failures) + len(program.result.errors)
    print(f"{program.result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed or not program.result.testsRun else 0)
