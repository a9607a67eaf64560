"""Bridge between the native module and asyncio's event loops.

The native module's thread never touches a Python object: it queues events and wakes the loop through a socket. For a loop
that cannot watch one (Windows' default loop), it calls ``call_soon_threadsafe``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import Context
from weakref import WeakKeyDictionary, ref

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future, Task
    from collections.abc import Awaitable, Callable
    from typing import Any

    Start = Callable[[_native.EventLoopHandle], int]

RESULT, ERROR, UPDATE, RAISE = range(4)

# A loop holds its bridge while it watches the socket. This keeps neither alive.
_bridges: WeakKeyDictionary[AbstractEventLoop, ref[EventLoopBridge]] = WeakKeyDictionary()


class EventLoopBridge:
    """The events of one event loop, and its calls that wait for them."""

    __slots__ = ("__weakref__", "handle", "key_tasks", "loop", "pending")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        self.pending: dict[int, PendingCall | UpdateStream] = {}
        self.key_tasks: set[Task[None]] = set()
        try:
            self.handle = _native.EventLoopHandle()
            # In an empty context, since the loop would keep that of its first call.
            Context().run(loop.add_reader, self.handle.fileno(), self.drain)
        except NotImplementedError:
            self.handle = _native.EventLoopHandle(_waker(ref(self), ref(loop)))

    def drain(self) -> None:
        """Runs the queued callbacks and hands out the events. Runs in the loop."""
        raised: BaseException | None = None
        for call_id, kind, value in self.handle.drain(self.request_key):
            if kind == RAISE:
                raised = value
            else:
                pending = self.pending.get(call_id)
                if pending is not None:
                    pending.set(kind, value)
        if raised is not None:
            # After all other events, so that no call waits for one in vain.
            raise raised

    def request_key(self, function: Callable[[], Any], responder: _native.KeyResponder) -> None:
        """Calls a key function, in the context of the call that needs the key."""
        try:
            key = function()
        except BaseException as error:
            responder.reject(error)
            if not isinstance(error, Exception):
                raise
            return
        if hasattr(key, "__await__"):
            task = self.loop.create_task(_resolve_key(key, responder))
            self.key_tasks.add(task)
            task.add_done_callback(self.key_tasks.discard)
        else:
            responder.resolve(key)


def _waker(bridge: ref[EventLoopBridge], loop: ref[AbstractEventLoop]) -> Callable[[], None]:
    def wake() -> None:
        target, running = bridge(), loop()
        if target is not None and running is not None and not running.is_closed():
            running.call_soon_threadsafe(target.drain, context=Context())

    return wake


async def _resolve_key(key: Awaitable[Any], responder: _native.KeyResponder) -> None:
    try:
        responder.resolve(await key)
    except asyncio.CancelledError:
        # The call that needs the key is not cancelled by this.
        from ._errors import ConfigurationError

        responder.reject(
            ConfigurationError("the api_key function's task was cancelled", code="CONFIGURATION_INVALID")
        )
        raise
    except BaseException as error:
        responder.reject(error)
        if not isinstance(error, Exception):
            raise


class PendingCall:
    """The outcome of a call."""

    __slots__ = ("future",)

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.future: Future[Any] = loop.create_future()

    def set(self, kind: int, value: Any) -> None:
        # As a result of the future in every case, since no future takes a StopIteration as its exception.
        if not self.future.done():
            self.future.set_result((kind, value))


class UpdateStream:
    """The updates of a call, and its outcome."""

    __slots__ = ("_arrived", "_events", "_loop")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._events: deque[tuple[int, Any]] = deque()
        self._arrived: Future[None] | None = None

    def set(self, kind: int, value: Any) -> None:
        self._events.append((kind, value))
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    async def get(self) -> tuple[int, Any]:
        while not self._events:
            self._arrived = self._loop.create_future()
            await self._arrived
        return self._events.popleft()


def get_bridge() -> EventLoopBridge:
    """Returns this process's bridge of the running event loop."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise _wrong_loop_error() from None
    known = _bridges.get(loop)
    bridge = None if known is None else known()
    if bridge is None or not bridge.handle.is_current_process():
        # A parent's socket stays as it is: its registration is shared with the parent's loop.
        bridge = EventLoopBridge(loop)
        _bridges[loop] = ref(bridge)
    return bridge


def _wrong_loop_error() -> Exception:
    from ._errors import ConfigurationError

    hint = (
        "Under trio, call an InfraiClient in a thread: await trio.to_thread.run_sync(client.account.balance)."
    )
    message = "AsyncInfraiClient is awaited on asyncio's event loops, and none is running here"
    return ConfigurationError(message, code="CONFIGURATION_INVALID", hint=hint)


async def call(start: Start) -> Any:
    """Starts a call and awaits its outcome. Cancelled, it stops the call's request and polling."""
    bridge = get_bridge()
    pending = PendingCall(bridge.loop)
    call_id = start(bridge.handle)
    bridge.pending[call_id] = pending
    try:
        kind, value = await pending.future
        if kind == ERROR:
            raise value
        return value
    except asyncio.CancelledError:
        if bridge.handle.signal(call_id):
            # A call with something to do before it ends gets the time for it.
            pending.future = bridge.loop.create_future()
            await pending.future
        raise
    finally:
        del bridge.pending[call_id]
        bridge.handle.cancel(call_id)


async def invoke(callback: Callable[[Any], object], argument: object) -> None:
    """Calls a callback, and awaits what is awaitable."""
    result = callback(argument)
    if hasattr(result, "__await__"):
        await result


async def next_item(stream: _native.Stream) -> Any:
    """Awaits the next item of a stream. An item that a cancelled read did not receive goes to the next one."""
    read: int | None = None
    received = False

    def start(event_loop: _native.EventLoopHandle) -> int:
        nonlocal read
        call_id: int
        call_id, read = stream.next(event_loop)
        return call_id

    try:
        item = await call(start)
        received = True
        return item
    except Exception:
        received = True
        raise
    finally:
        if read is not None:
            stream.acknowledge(read, received)


async def call_with_updates(start: Start, notify: Callable[[Any], Any]) -> Any:
    """Starts a call, passes its updates on, awaiting what is awaitable, and awaits its outcome."""
    bridge = get_bridge()
    updates = UpdateStream(bridge.loop)
    call_id = start(bridge.handle)
    bridge.pending[call_id] = updates
    try:
        while True:
            kind, value = await updates.get()
            if kind == UPDATE:
                result = notify(value)
                if hasattr(result, "__await__"):
                    await result
            elif kind == ERROR:
                raise value
            else:
                return value
    except GeneratorExit:
        # A coroutine that is being closed may await nothing more.
        raise
    except BaseException:
        if bridge.handle.signal(call_id):
            # A call with something to do before it ends gets the time for it. A second cancellation ends it at once.
            while (await updates.get())[0] == UPDATE:
                pass
        raise
    finally:
        del bridge.pending[call_id]
        bridge.handle.cancel(call_id)
