"""Servers for the sections: the benchmarks' fast one, and a scripted one that keeps every request."""

from __future__ import annotations

import subprocess
import sys
from types import TracebackType

from . import packages

sys.path.insert(1, str(packages.ROOT / "bindings-python" / "tests"))
from scripted import Reply, Request, ScriptedServer  # The server that the Python package's own tests have.

__all__ = ["BenchServer", "Reply", "Request", "ScriptedServer"]


class BenchServer:
    """Answers at once and forgets: every job but `job-…` runs for ever."""

    url: str

    def __enter__(self) -> BenchServer:
        program = packages.program("infrai-bench-server")
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # It ends when its input closes.
        self._process.communicate(timeout=60)
