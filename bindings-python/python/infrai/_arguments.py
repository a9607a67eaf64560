"""Preparation of arguments for the native module."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import EllipsisType
    from typing import Any


def without_none(**options: Any) -> dict[str, Any]:
    """Returns the options that are set: ``None`` counts as unset."""
    return {name: value for name, value in options.items() if value is not None}


def wait_options(timeout: float | EllipsisType | None, **options: Any) -> dict[str, Any]:
    """Returns the options of a wait: ``None`` is a timeout without limit, and ``...`` the default one."""
    options = without_none(**options)
    if timeout is not ...:
        options["timeout"] = timeout
    return options


def as_dict(mapping: Any) -> Any:
    """Returns any kind of mapping as a dict. The native module refuses other values by name."""
    return dict(mapping.items()) if hasattr(mapping, "items") else mapping


def absolute_path(path: Any) -> Any:
    """Resolves a relative path now, because the process may change its folder before the call ends."""
    try:
        text = os.fsdecode(path)
        return os.path.join(os.getcwd(), text) if text else path
    except Exception:
        # The native module refuses what is no path.
        return path


def progress_label(job: Any) -> str:
    """Returns the label of a download's progress. The native module refuses values that are not jobs."""
    return job if isinstance(job, str) else str(job.get("job_id", "")) if hasattr(job, "get") else ""


def require_sync(
    field: str, function: Callable[..., object] | None, reason: str = "; AsyncInfraiClient takes both"
) -> None:
    """Refuses an async function, which nothing would await, and a value that is not callable."""
    if function is None:
        return
    from inspect import iscoroutinefunction

    asynchronous = iscoroutinefunction(function) or iscoroutinefunction(type(function).__call__)
    if asynchronous or not callable(function):
        from ._native import invalid_argument_error

        got = "an async function" if asynchronous else f"a value of type {type(function).__name__}"
        raise invalid_argument_error(field, got, f"a function that is not async{reason}")
