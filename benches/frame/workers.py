"""Workers: clients in processes of their own, controlled by lines of JSON, and the resources that they use."""

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

#: Seconds until a command counts as hung, even on a slow machine.
PATIENCE = 600


class Failed(Exception):
    """A worker that could not run or could not carry out a command."""


def one_core() -> set[int]:
    """Returns one processor core for a client and its server to share; none where the system cannot pin processes."""
    return {max(os.sched_getaffinity(0))} if hasattr(os, "sched_getaffinity") else set()


def placed(on: Collection[int], ahead: bool = True) -> Callable[[], None] | None:
    """Returns a function that pins a child process to these cores, and gives it real-time priority if the run asks for it."""
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
    """A process that answers each line of JSON with one line of JSON."""

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
        self._errors: list[str] = []
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._read_answers, self._read_errors)]
        for thread in self._threads:
            thread.start()
        self.opening = self._next()

    def _read_answers(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._errors.append(line)
            del self._errors[:-40]

    def _next(self) -> str:
        try:
            line = self._lines.get(timeout=PATIENCE)
        except queue.Empty:
            self.end()
            raise Failed(f"{' '.join(self.words)} did not answer within {PATIENCE} s") from None
        if not line:
            code = self._process.wait()
            self._threads[1].join(10)
            raise Failed(f"{' '.join(self.words)} ended with {code}: {''.join(self._errors).strip()[-2000:]}")
        return line

    def ready(self) -> None:
        """Raises if the client could not be opened."""
        opening = json.loads(self.opening)
        if "failed" in opening:
            raise Failed(opening["failed"])

    def begin(self, **command: Any) -> None:
        """Sends a command; `answer` waits for its answer."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._next()
            raise

    def answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._next())
        if "failed" in answer:
            raise Failed(answer["failed"])
        return answer

    def ask(self, **command: Any) -> dict[str, Any]:
        self.begin(**command)
        return self.answer()

    @property
    def pid(self) -> int:
        return self._process.pid

    def end(self) -> None:
        """Closes the worker's input, and kills a worker that does not end then."""
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
    """Returns a process's resident memory in bytes; none where the system does not report it."""
    return _status(pid, "VmRSS")


def peak_resident(pid: int) -> int | None:
    """Returns a process's peak resident memory since `reset_peak_resident`, in bytes."""
    return _status(pid, "VmHWM")


def reset_peak_resident(pid: int) -> None:
    """Restarts the measurement of a process's peak resident memory."""
    with suppress(OSError):  # The peak since the process's start then counts, which is no lower.
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def _status(pid: int, name: str) -> int | None:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith(name)), None)


def cpu_seconds(pid: int) -> float | None:
    """Returns the processor time of a process's threads so far, in seconds; none where the system does not report it."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    except OSError:
        return None
