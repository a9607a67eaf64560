"""Blocking counterparts of the functions of ``_loop``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ._native import Stream


def call(start: Callable[[None], Any]) -> Any:
    """Makes a call and returns its result."""
    return start(None)


def call_with_updates(start: Callable[[None, Any], Any], notify: Callable[[Any], object]) -> Any:
    """Makes a call that reports updates, and returns its result."""
    return start(None, notify)


def invoke(callback: Callable[[Any], object], argument: object) -> None:
    """Calls a callback."""
    callback(argument)


def next_item(stream: Stream) -> Any:
    """Returns the next item of a stream, or ``None`` at its end."""
    return stream.next(None)
