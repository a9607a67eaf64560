"""Display of ``progress=True``: a bar if tqdm is installed, else lines on standard error."""

from __future__ import annotations

import sys
import time

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class ProgressSink(Protocol):
        def update(self, done: float, total: float | None, note: str) -> None: ...
        def close(self) -> None: ...


class _LinePrinter:
    """Prints a line per changed note, and at most one per second for a changed percentage."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._note = ""
        self._percentage: str = ""
        self._printed_at = 0.0

    def update(self, done: float, total: float | None, note: str) -> None:
        percentage = f"{done / total:.0%}" if total else ""
        now = time.monotonic()
        due = now - self._printed_at >= 1 or done == total
        if note != self._note or (percentage != self._percentage and due):
            self._note, self._percentage, self._printed_at = note, percentage, now
            line = " ".join(word for word in (f"{self._label}:", note, percentage) if word)
            print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        pass


class _TqdmBar:
    def __init__(self, tqdm: Any, label: str, unit: str) -> None:
        options: dict[str, Any] = (
            {"unit": "B", "unit_scale": True, "unit_divisor": 1024}
            if unit
            else {"bar_format": "{desc}: {percentage:3.0f}%|{bar}| {elapsed} {postfix}"}
        )
        self._bar = tqdm(desc=label, total=None if unit else 1.0, **options)

    def update(self, done: float, total: float | None, note: str) -> None:
        if total is not None:
            self._bar.total = total
        if note:
            self._bar.set_postfix_str(note, refresh=False)
        self._bar.n = done
        self._bar.refresh()

    def close(self) -> None:
        self._bar.close()


def _make_sink(label: str, unit: str) -> ProgressSink:
    from importlib import import_module

    try:
        tqdm = import_module("tqdm.auto").tqdm
    except ImportError:
        return _LinePrinter(label)
    return _TqdmBar(tqdm, label, unit)


class _ProgressDisplay:
    """Creates its sink at the first update, so that a refused call displays nothing."""

    def __init__(self) -> None:
        self._sink: ProgressSink | None = None

    def show(self, label: str, unit: str, done: float, total: float | None, note: str) -> None:
        if self._sink is None:
            self._sink = _make_sink(_native.escape_text(label), unit)
        self._sink.update(done, total, _native.escape_text(note))

    def close(self) -> None:
        if self._sink is not None:
            self._sink.close()


class WaitProgress(_ProgressDisplay):
    """Display of a wait."""

    def __call__(self, job: dict[str, Any]) -> None:
        progress = job.get("progress")
        known = float(progress) if isinstance(progress, (int, float)) else 0.0
        done = 1.0 if _native.is_success(job["state"]) else known
        self.show(str(job["job_id"]), "", done, 1.0, str(job["state"]))


class GenerateManyProgress(_ProgressDisplay):
    """Display of a batch: the share of its items that have ended, and the number of errors."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count
        self._ended = self._failed = 0

    def __call__(self, succeeded: bool) -> None:
        self._ended += 1
        self._failed += not succeeded
        note = f"{self._ended} of {self._count}" + (f", {self._failed} failed" if self._failed else "")
        self.show("videos", "", self._ended / self._count, 1.0, note)


class DownloadProgress(_ProgressDisplay):
    """Display of a download."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self._label = label

    def __call__(self, received: int, total: int | None) -> None:
        self.show(self._label, "B", received, total, "")
