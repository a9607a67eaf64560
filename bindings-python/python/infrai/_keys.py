"""Key functions of blocking calls."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any


def call_provider(function: Callable[[], Any]) -> Any:
    """Returns the key of a key function; called by the native module. Awaits an awaitable in an event loop of its own."""
    key = function()
    return _run_coroutine(key) if hasattr(key, "__await__") else key


def _run_coroutine(awaitable: Awaitable[Any]) -> Any:
    import asyncio
    from contextvars import copy_context

    async def wait() -> Any:
        return await awaitable

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(wait())
    # This thread's loop is blocked by the call, so that the function needs another thread.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(copy_context().run, asyncio.run, wait()).result()
