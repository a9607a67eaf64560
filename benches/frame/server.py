"""Client of the benchmarks' server: starts it, sets its plan and reads its counts."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Collection
from types import TracebackType
from typing import Any

from .places import program
from .workers import placed


class Server:
    """A server in a process of its own."""

    def __init__(self, profile: str, on: Collection[int] = (), ahead: bool = True) -> None:
        self._process = subprocess.Popen(
            [str(program("infrai-bench-server", profile))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=placed(on, ahead),
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def _ask(self, path: str, method: str) -> dict[str, dict[str, Any]]:
        with self._opener.open(urllib.request.Request(self.url + path, method=method), timeout=30) as answer:
            data: dict[str, dict[str, Any]] = json.load(answer)
            return data

    def plan(self, **settings: object) -> None:
        """Resets the counts and sets the plan of the jobs; see the server's `plan.rs`."""
        query = "&".join(f"{name}={value}" for name, value in settings.items())
        self._ask(f"/_bench/plan?{query}", "POST")

    def counts(self) -> dict[str, Any]:
        """Returns the counts since the plan: requests, polls, most polls in one second, …"""
        return self._ask("/_bench/counts", "GET")["counts"]

    def jobs(self) -> dict[str, Any]:
        """Returns the server's statistics of the plan's jobs."""
        return self._ask("/_bench/counts", "GET")["jobs"]

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
