"""``progress=True``: a bar where tqdm is installed, plain lines on standard error where not."""

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Meter(Protocol):
        def update(self, done: float, total: float | None, note: str) -> None: ...
        def close(self) -> None: ...


class _Lines:
    """A line whenever something has changed, a second apart at least unless the note has."""

    def __init__(self, label: str, unit: str) -> None:
        self._label, self._unit = label, unit
        self._note = ""
        self._share: str = ""
        self._shown = 0.0

    def update(self, done: float, total: float | None, note: str) -> None:
        share = f"{done / total:.0%}" if total else ""
        now = time.monotonic()
        news = note != self._note or (share != self._share and (now - self._shown >= 1 or done == total))
        if news:
            self._note, self._share, self._shown = note, share, now
            print(
                " ".join(word for word in (f"{self._label}:", note, share) if word),
                file=sys.stderr,
                flush=True,
            )

    def close(self) -> None:
        pass


class _Bar:
    def __init__(self, tqdm: Any, label: str, unit: str) -> None:
        self._unit = unit
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


def _meter(label: str, unit: str) -> Meter:
    from importlib import import_module

    try:
        tqdm = import_module("tqdm.auto").tqdm
    except ImportError:
        return _Lines(label, unit)
    return _Bar(tqdm, label, unit)


class _Showing:
    """Shows something from the first news on: a call that is refused shows nothing."""

    def __init__(self) -> None:
        self._meter: Meter | None = None

    def show(self, label: str, unit: str, done: float, total: float | None, note: str) -> None:
        from . import _native

        if self._meter is None:
            self._meter = _meter(_native.escape_text(label), unit)
        self._meter.update(done, total, _native.escape_text(note))

    def close(self) -> None:
        if self._meter is not None:
            self._meter.close()


class Waiting(_Showing):
    """Shows how a wait gets on."""

    def __call__(self, job: dict[str, Any]) -> None:
        from . import _native

        share = job.get("progress")
        done = (
            1.0
            if _native.is_success(job["state"])
            else float(share)
            if isinstance(share, (int, float))
            else 0.0
        )
        self.show(str(job["job_id"]), "", done, 1.0, str(job["state"]))


class Downloading(_Showing):
    """Shows how a download gets on."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self._label = label

    def __call__(self, received: int, total: int | None) -> None:
        self.show(self._label, "B", received, total, "")
