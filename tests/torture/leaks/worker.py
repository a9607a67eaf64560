"""Does something many times in one process, and prints what the process holds before, halfway and after, as JSON.

Each part has a client of its own, which is gone with its connections when it is measured.

worker.py calls|awaited|clients|waits COUNT URL KEY
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import sys
import time
from collections.abc import Callable

import infrai

POLLING = {
    "min_interval": 0.01,
    "max_interval": 0.02,
    "expected_duration": 0.02,
    "max_requests_per_second": 100_000.0,
    "concurrency": 64,
}
_, KIND, COUNT, URL, KEY = sys.argv


class _Mallinfo(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]


def live() -> int | None:
    """The bytes that the C library's allocator, which is the native module's, has given out; none where it cannot say."""
    try:
        library = ctypes.CDLL(None)
        library.mallinfo2.restype = _Mallinfo
        library.malloc_trim(0)
        told = library.mallinfo2()
    except (AttributeError, OSError):
        return None
    return int(told.uordblks + told.hblkhd)


def held() -> dict[str, int | None]:
    """What this process holds once everything that ends by itself has had the time to."""
    count = lambda name: len(os.listdir(f"/proc/self/{name}"))  # noqa: E731
    before, deadline = -1, time.monotonic() + 15
    while True:
        gc.collect()
        now = count("fd")
        if now == before or time.monotonic() > deadline:
            break
        before = now
        time.sleep(0.25)
    native = live()
    with open("/proc/self/statm") as statm:
        resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return {"rss": resident, "live": native, "objects": len(gc.get_objects()), "threads": count("task"), "files": now}


def calls(count: int) -> None:
    client = infrai.InfraiClient(KEY, base_url=URL)
    for number in range(count):
        if number % 10:
            assert client.video.status("vid_1").state == "running"
            continue
        try:
            client.request("POST", "/v1/nothing", {"number": number})
            raise AssertionError("there is no such route")
        except infrai.NotFoundError as error:
            assert error.idempotency_key


def awaited(count: int) -> None:
    client = infrai.AsyncInfraiClient(KEY, base_url=URL)

    async def some(number: int) -> None:
        for at in range(number, count, 32):
            if at % 10:
                assert (await client.video.status("vid_1")).state == "running"
                continue
            try:
                await client.request("POST", "/v1/nothing", {"number": at})
                raise AssertionError("there is no such route")
            except infrai.NotFoundError:
                pass

    async def all_() -> None:
        await asyncio.gather(*(some(number) for number in range(32)))

    asyncio.run(all_())


def clients(count: int) -> None:
    def hook(event: object) -> None:
        assert event

    for number in range(count):
        kind = infrai.AsyncInfraiClient if number % 2 else infrai.InfraiClient
        made = kind(lambda: KEY, base_url=URL, on_request=hook, on_response=hook)
        # A function that refers to its client: a cycle, which the garbage collector has to see through.
        cycle = infrai.InfraiClient(KEY, base_url=URL, on_request=lambda _, own=[]: own)
        cycle._functions[0].function.__defaults__[0].append(cycle)
        if isinstance(made, infrai.InfraiClient) and number % 10 == 0:
            assert made.with_options(timeout=30).video.status("vid_1").state == "running"


def waits(count: int) -> None:
    client = infrai.AsyncInfraiClient(KEY, base_url=URL, polling=POLLING)
    blocking = infrai.InfraiClient(KEY, base_url=URL, polling=POLLING)

    async def cancelled() -> None:
        for batch in range(count // 100):
            tasks = [asyncio.create_task(client.video.wait(f"vid_{number}", on_update=lambda _: None)) for number in range(100)]
            # Some are cancelled before they begin, some when they have, some while they look.
            await asyncio.sleep((0, 0, 0.003, 0.02)[batch % 4])
            if batch % 4 == 1:
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(error, asyncio.CancelledError) for error in ended), ended

    asyncio.run(cancelled())

    def leave(_: object) -> None:
        raise ValueError

    for number in range(count // 20):
        try:
            blocking.video.wait(f"vid_{number}", on_update=leave)
            raise AssertionError("the job never ends")
        except ValueError:
            pass
        next(blocking.video.watch(f"vid_{number}"))


work: Callable[[int], None] = {"calls": calls, "awaited": awaited, "clients": clients, "waits": waits}[KIND]
count = int(COUNT)
work(max(count // 4, 400))
told = [held()]
for _ in range(2):
    work(count // 2)
    told.append(held())
print(json.dumps(told))
