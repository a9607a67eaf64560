"""Awaiting the native module's calls on the running event loop.

The native module's thread never touches Python: it queues what happened and wakes the loop through a socket. Where a loop
cannot watch one (Windows' default loop), it calls ``call_soon_threadsafe``.
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

    Start = Callable[[_native.Channel], int]

ENDED, FAILED, TOLD, RAISED = range(4)

# The loop holds on to its Mail for as long as it watches the socket; this does not keep either alive.
_known: WeakKeyDictionary[AbstractEventLoop, ref[Mail]] = WeakKeyDictionary()


class Mail:
    """What one event loop is told."""

    __slots__ = ("__weakref__", "channel", "keys", "loop", "waiting")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        self.waiting: dict[int, Reply | Feed] = {}
        self.keys: set[Task[None]] = set()
        try:
            self.channel = _native.Channel()
            # In no call's context: the loop would keep that of its first call.
            Context().run(loop.add_reader, self.channel.fileno(), self.drain)
        except NotImplementedError:
            self.channel = _native.Channel(_waker(ref(self), ref(loop)))

    def drain(self) -> None:
        """Runs the callbacks that are due and hands out what has come. Runs in the loop."""
        raised: BaseException | None = None
        for number, what, value in self.channel.drain(self.ask):
            if what == RAISED:
                raised = value
            else:
                waiting = self.waiting.get(number)
                if waiting is not None:
                    waiting.put(what, value)
        if raised is not None:
            # Whatever came with it has been handed out: nobody waits for it in vain.
            raise raised

    def ask(self, function: Callable[[], Any], reply: _native.KeyReply) -> None:
        """Calls a key function, in the context of the call that needs the key."""
        try:
            given = function()
        except BaseException as error:
            reply.fail(error)
            if not isinstance(error, Exception):
                raise
            return
        if hasattr(given, "__await__"):
            task = self.loop.create_task(_answer(given, reply))
            self.keys.add(task)
            task.add_done_callback(self.keys.discard)
        else:
            reply.give(given)


def _waker(mail: ref[Mail], loop: ref[AbstractEventLoop]) -> Callable[[], None]:
    def wake() -> None:
        there, here = mail(), loop()
        if there is not None and here is not None and not here.is_closed():
            here.call_soon_threadsafe(there.drain, context=Context())

    return wake


async def _answer(given: Awaitable[Any], reply: _native.KeyReply) -> None:
    try:
        reply.give(await given)
    except asyncio.CancelledError:
        # Whoever waits for the key was not cancelled by this.
        from ._errors import ConfigurationError

        reply.fail(
            ConfigurationError("the api_key function's task was cancelled", code="CONFIGURATION_INVALID")
        )
        raise
    except BaseException as error:
        reply.fail(error)
        if not isinstance(error, Exception):
            raise


class Reply:
    """The end of one call."""

    __slots__ = ("future",)

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.future: Future[Any] = loop.create_future()

    def put(self, what: int, value: Any) -> None:
        # A future takes no StopIteration as its exception, so that every end is a result of it.
        if not self.future.done():
            self.future.set_result((what, value))


class Feed:
    """What one call tells, and its end."""

    __slots__ = ("_came", "_loop", "_news")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._came: deque[tuple[int, Any]] = deque()
        self._news: Future[None] | None = None

    def put(self, what: int, value: Any) -> None:
        self._came.append((what, value))
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def get(self) -> tuple[int, Any]:
        while not self._came:
            self._news = self._loop.create_future()
            await self._news
        return self._came.popleft()


def mail() -> Mail:
    """What the running event loop is told; its own, in this process."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise _elsewhere() from None
    known = _known.get(loop)
    here = None if known is None else known()
    if here is None or not here.channel.is_ours():
        # A parent's socket is left as it is: its registration is shared with the parent's loop.
        here = Mail(loop)
        _known[loop] = ref(here)
    return here


def _elsewhere() -> Exception:
    from ._errors import ConfigurationError

    hint = (
        "Under trio, call an InfraiClient in a thread: await trio.to_thread.run_sync(client.account.balance)."
    )
    message = "AsyncInfraiClient is awaited on asyncio's event loops, and none is running here"
    return ConfigurationError(message, code="CONFIGURATION_INVALID", hint=hint)


async def call(start: Start) -> Any:
    """Begins a call and awaits its end. Cancelled, it stops the call's request and polling."""
    here = mail()
    reply = Reply(here.loop)
    number = start(here.channel)
    here.waiting[number] = reply
    try:
        what, value = await reply.future
        if what == FAILED:
            raise value
        return value
    finally:
        del here.waiting[number]
        here.channel.cancel(number)


async def read(stream: _native.Stream) -> Any:
    """Awaits the next of a stream. What a cancelled read did not get is the next one's."""
    number: int | None = None
    arrived = False

    def start(channel: _native.Channel) -> int:
        nonlocal number
        begun: int
        begun, number = stream.next(channel)
        return begun

    try:
        item = await call(start)
        arrived = True
        return item
    except Exception:
        arrived = True
        raise
    finally:
        if number is not None:
            stream.end(number, arrived)


async def call_telling(start: Start, tell: Callable[[Any], Any]) -> Any:
    """Begins a call, hands on what it tells, awaiting what is awaitable, and awaits its end."""
    here = mail()
    feed = Feed(here.loop)
    number = start(here.channel)
    here.waiting[number] = feed
    try:
        while True:
            what, value = await feed.get()
            if what == TOLD:
                given = tell(value)
                if hasattr(given, "__await__"):
                    await given
            elif what == FAILED:
                raise value
            else:
                return value
    except GeneratorExit:
        # A coroutine that is being closed may await nothing more.
        raise
    except BaseException:
        if here.channel.abort(number):
            # A call that has something left to do gets the time for it; cancelled once more it does not.
            while (await feed.get())[0] == TOLD:
                pass
        raise
    finally:
        del here.waiting[number]
        here.channel.cancel(number)
