"""Worker for `status` calls: `calls.py PEER URL`, with a peer of `peers.py`. They run one by one, in threads or in tasks."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from time import perf_counter, process_time

from peers import AWAITED, BLOCKING, AsyncCall, Call
from worker import Command, serve


def until(call: Call, end: float, latencies: list[float]) -> None:
    """Calls until `end` and appends the time of each call to the list."""
    begun = perf_counter()
    while True:
        call()
        now = perf_counter()
        latencies.append(now - begun)
        begun = now
        if now >= end:
            return


async def until_awaited(call: AsyncCall, end: float, latencies: list[float]) -> None:
    begun = perf_counter()
    while True:
        await call()
        now = perf_counter()
        latencies.append(now - begun)
        begun = now
        if now >= end:
            return


def threaded(call: Call, end: float, concurrency: int) -> list[float]:
    lists: list[list[float]] = [[] for _ in range(concurrency)]
    errors: list[BaseException] = []

    def work(latencies: list[float]) -> None:
        try:
            until(call, end, latencies)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(latencies,)) for latencies in lists]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [latency for latencies in lists for latency in latencies]


def measured(run: Callable[[float], list[float]], seconds: float) -> Command:
    begun, cpu = perf_counter(), process_time()
    latencies = run(begun + seconds)
    took, used = perf_counter() - begun, process_time() - cpu
    latencies.sort()
    at = lambda share: latencies[int((len(latencies) - 1) * share)] * 1e6  # noqa: E731
    return {"calls": len(latencies), "seconds": took, "cpu": used, "p50": at(0.5), "p99": at(0.99)}


def blocking(name: str, url: str) -> Callable[[Command], Command]:
    call = BLOCKING[name](url)
    call()

    def run(command: Command) -> Command:
        concurrency = int(command["concurrency"])

        def calls(end: float) -> list[float]:
            if concurrency > 1:
                return threaded(call, end, concurrency)
            latencies: list[float] = []
            until(call, end, latencies)
            return latencies

        return measured(calls, command["seconds"])

    return run


def awaited(name: str, url: str) -> Callable[[Command], Command]:
    loop = asyncio.new_event_loop()
    call = AWAITED[name](url)
    loop.run_until_complete(call())

    async def gathered(end: float, concurrency: int) -> list[float]:
        lists: list[list[float]] = [[] for _ in range(concurrency)]
        await asyncio.gather(*(until_awaited(call, end, latencies) for latencies in lists))
        return [latency for latencies in lists for latency in latencies]

    def run(command: Command) -> Command:
        concurrency = int(command["concurrency"])
        return measured(lambda end: loop.run_until_complete(gathered(end, concurrency)), command["seconds"])

    return run


if __name__ == "__main__":
    _, peer, url = sys.argv
    serve(lambda: (awaited if peer in AWAITED else blocking)(peer, url))
