"""Key functions in blocking calls."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any


def ask(function: Callable[[], Any]) -> Any:
    """What a key function gives; called by the native module. An awaitable is run in an event loop of its own."""
    given = function()
    return _run(given) if hasattr(given, "__await__") else given


def _run(given: Awaitable[Any]) -> Any:
    import asyncio
    from contextvars import copy_context

    async def wait() -> Any:
        return await given

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(wait())
    # This thread runs a loop already, and it stands still while the blocking call does.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(copy_context().run, asyncio.run, wait()).result()
