"""The other side of a worker: a client in a process of its own that is told what to do, a line at a time, and observed."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from .places import environment

#: No command takes this many seconds, however slow the machine.
PATIENCE = 600


class Failed(Exception):
    """A worker that could not do what it was told."""


def one_core() -> set[int]:
    """A processor core for a client and its server to share; nothing where the system does not let processes be placed."""
    return {max(os.sched_getaffinity(0))} if hasattr(os, "sched_getaffinity") else set()


def placed(on: Collection[int], ahead: bool = True) -> Callable[[], None] | None:
    """What a child process calls to run on these cores, none meaning all; and ahead of all other programs where that is wanted."""
    ahead = ahead and os.environ.get("BENCH_REALTIME") == "1"
    if not on and not ahead:
        return None

    def place() -> None:
        if on:
            os.sched_setaffinity(0, on)
        if ahead:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))

    return place


class Worker:
    """A process that reads lines of JSON and answers each with one."""

    def __init__(
        self, command: Sequence[object], on: Collection[int] = (), env: Mapping[str, str] | None = None, ahead: bool = True
    ) -> None:
        self.words = [str(word) for word in command]
        self._process = subprocess.Popen(
            self.words,
            env=environment(**(env or {})),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=placed(on, ahead),
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._said: list[str] = []
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._listen, self._overhear)]
        for thread in self._threads:
            thread.start()
        self.opening = self._next()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _overhear(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._said.append(line)
            del self._said[:-40]

    def _next(self) -> str:
        try:
            line = self._lines.get(timeout=PATIENCE)
        except queue.Empty:
            self.end()
            raise Failed(f"{' '.join(self.words)} did not answer within {PATIENCE} s") from None
        if not line:
            code = self._process.wait()
            self._threads[1].join(10)
            raise Failed(f"{' '.join(self.words)} ended with {code}: {''.join(self._said).strip()[-2000:]}")
        return line

    def ready(self) -> None:
        """Raises what kept the client from being opened."""
        told = json.loads(self.opening)
        if "failed" in told:
            raise Failed(told["failed"])

    def begin(self, **command: Any) -> None:
        """Tells it to do something; `answer` is its answer."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._next()
            raise

    def answer(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._next())
        if "failed" in told:
            raise Failed(told["failed"])
        return told

    def ask(self, **command: Any) -> dict[str, Any]:
        self.begin(**command)
        return self.answer()

    @property
    def pid(self) -> int:
        return self._process.pid

    def end(self) -> None:
        """Closes its input; kills it if that does not end it."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(5)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join(5)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            self._process.kill()
        self.end()


def resident(pid: int) -> int | None:
    """The memory that a process holds now, in bytes; none where the system does not say."""
    return _status(pid, "VmRSS")


def most_resident(pid: int) -> int | None:
    """The most memory that a process has held since `forget_most_resident`, in bytes."""
    return _status(pid, "VmHWM")


def forget_most_resident(pid: int) -> None:
    """Begins to watch for the most memory anew."""
    with suppress(OSError):  # then it is the most since the process began, which is no less
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def _status(pid: int, name: str) -> int | None:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith(name)), None)


def cpu_seconds(pid: int) -> float | None:
    """What a process's threads have used of the processor so far, in seconds."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    except OSError:
        return None
