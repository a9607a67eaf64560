"""Worker for many concurrent waits: `many.py async|sync URL RATE CONCURRENCY`.

`async` gathers one wait per id; `sync` iterates over `generate_many` with all jobs at once.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any

from infrai import AsyncInfraiClient, InfraiClient

from worker import KEY, Command, serve


def counted(found: int, wrong: list[str], begun: float, cpu: float) -> Command:
    first = wrong[0] if wrong else None
    took, used = perf_counter() - begun, process_time() - cpu
    return {"found": found, "wrong": len(wrong), "first_wrong": first, "seconds": took, "cpu": used}


def awaited(url: str, polling: Any) -> Callable[[Command], Command]:
    client = AsyncInfraiClient(KEY, base_url=url, polling=polling)
    loop = asyncio.new_event_loop()

    async def wait(jobs: int) -> tuple[int, list[str]]:
        ids = [f"job-{number}" for number in range(jobs)]
        waits = (client.video.wait(id, timeout=None) for id in ids)
        wrong: list[str] = []
        for id, job in zip(ids, await asyncio.gather(*waits, return_exceptions=True)):
            if isinstance(job, BaseException):
                wrong.append(repr(job))
            elif job.job_id != id or job.video_url is None:
                wrong.append(f"{job!r} for {id}")
        return len(ids) - len(wrong), wrong

    loop.run_until_complete(wait(1))
    gc.collect()

    def run(command: Command) -> Command:
        begun, cpu = perf_counter(), process_time()
        return counted(*loop.run_until_complete(wait(int(command["jobs"]))), begun, cpu)

    return run


def many(url: str, polling: Any) -> Callable[[Command], Command]:
    client = InfraiClient(KEY, base_url=url, polling=polling)

    def generate(jobs: int) -> tuple[int, list[str]]:
        prompts = [f"a paper boat, number {number}" for number in range(jobs)]
        seen: set[str] = set()
        wrong: list[str] = []
        for index, job in client.video.generate_many(prompts, concurrency=jobs, timeout=None):
            if isinstance(job, BaseException) or job.video_url is None or job.job_id in seen:
                wrong.append(f"{index}: {job!r}")
            else:
                seen.add(job.job_id)
        return len(seen), wrong

    generate(1)
    gc.collect()

    def run(command: Command) -> Command:
        begun, cpu = perf_counter(), process_time()
        return counted(*generate(int(command["jobs"])), begun, cpu)

    return run


if __name__ == "__main__":
    _, how, url, rate, concurrency = sys.argv
    options = {"max_requests_per_second": float(rate), "concurrency": int(concurrency)}
    serve(lambda: {"async": awaited, "sync": many}[how](url, options))
