"""What a Python process does in the section `processes`; each scenario draws its moments from the seed.

scenarios.py NAME SEED URL KEY
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import gc
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

import infrai

_, NAME, SEED, URL, KEY = sys.argv
POLLING = {"min_interval": 0.01, "max_interval": 0.02, "expected_duration": 0.1, "max_requests_per_second": 1000.0}
chance = random.Random(SEED)
client = infrai.InfraiClient(KEY, base_url=URL, retry_base=0.01, polling=POLLING)
awaited = infrai.AsyncInfraiClient(KEY, base_url=URL, retry_base=0.01, polling=POLLING)
stop = threading.Event()


def pause(most: float) -> None:
    time.sleep(chance.uniform(0, most))


def generate(number: object) -> None:
    """A job, with a body of its own: two calls with one key are seen by it."""
    assert client.video.generate(f"{SEED} {os.getpid()} {number}").job_id == "vid_1"


def balance() -> None:
    assert client.account.balance().balance_usd == 1


async def balance_awaited() -> None:
    assert (await awaited.account.balance()).balance_usd == 1


def calls() -> None:
    while not stop.is_set():
        balance()


async def waits_awaited() -> None:
    tasks = [asyncio.ensure_future(awaited.video.wait("vid_1")) for _ in range(4)]
    while not stop.is_set():
        await balance_awaited()
        await asyncio.sleep(0.001)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def download() -> None:
    client.video.download("file", os.path.join(os.getcwd(), "video.mp4"))


#: Calls that never end by themselves.
ENDLESS: dict[str, Callable[[], object]] = {
    "status": lambda: client.video.status("slow"),
    "wait": lambda: client.video.wait("vid_1", timeout=None),
    "wait with updates": lambda: client.video.wait("vid_1", on_update=lambda job: time.sleep(0.001)),
    "watch": lambda: list(client.video.watch("vid_1")),
    "generate_many": lambda: list(client.video.generate_many(["a", "b", "c"])),
    "download": download,
    "key function": lambda: infrai.InfraiClient(lambda: time.sleep(1000) or KEY, base_url=URL).account.balance(),
    "hook": lambda: infrai.InfraiClient(KEY, base_url=URL, on_request=lambda _: time.sleep(1000)).account.balance(),
    "awaited": lambda: asyncio.run(awaited.video.wait("vid_1")),
    "awaited watch": lambda: asyncio.run(_watched()),
    "many calls": calls,
}


async def _watched() -> None:
    async for _ in awaited.video.watch("vid_1"):
        pass


def busy(daemon: bool) -> list[threading.Thread]:
    """Threads in the middle of everything."""
    work: list[Callable[[], object]] = [calls, calls, calls, lambda: asyncio.run(waits_awaited())]
    if daemon:
        work += [ENDLESS[name] for name in ("status", "wait with updates", "watch", "generate_many", "download")]
    threads = [threading.Thread(target=one, daemon=daemon) for one in work]
    for thread in threads:
        thread.start()
    return threads


def leave(code: int) -> NoReturn:
    """Ends this process in one of the ways in which processes end."""
    way = chance.choice(("exit", "_exit", "at exit", "raised"))
    if way == "_exit":
        sys.stdout.flush()
        os._exit(code)
    if way == "at exit":
        atexit.register(balance)
    if way == "raised":

        class Mine(SystemExit):
            pass

        raise Mine(code)
    sys.exit(code)


def in_child(code: int, main_thread: bool) -> NoReturn:
    """A forked child: it calls in each way, and exits with its code."""
    try:
        stop.set()
        for number in range(2):
            balance()
            generate(number)
        if chance.random() < 0.5:
            asyncio.run(balance_awaited())
        if chance.random() < 0.3:
            assert next(client.video.watch("vid_1")).state == "running"
        gc.collect()
    except BaseException as error:
        print(f"in the child: {error!r}", file=sys.stderr, flush=True)
        os._exit(99)
    if main_thread:
        leave(code)
    os._exit(code)


def forked(main_thread: bool = True) -> tuple[int, int]:
    """A child that has been forked, and the code that it is to exit with."""
    code, seed = chance.randrange(1, 90), chance.random()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        chance.seed(seed)
        in_child(code, main_thread)
    return child, code


def ended(children: list[tuple[int, int]]) -> None:
    for child, code in children:
        got = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert got == code, f"a child ended with {got} and not with {code}"


def fork_in_the_middle() -> None:
    threads = busy(daemon=False)
    children = []
    for _ in range(5):
        pause(0.02)
        children.append(forked())
        balance()
    ended(children)
    stop.set()
    for thread in threads:
        thread.join()
    balance()


def fork_from_threads() -> None:
    threads = busy(daemon=False)
    seeds = [chance.random() for _ in range(3)]

    def fork(seed: float) -> None:
        time.sleep(seed / 50)
        ended([forked(main_thread=False) for _ in range(2)])

    forking = [threading.Thread(target=fork, args=(seed,)) for seed in seeds]
    for thread in forking:
        thread.start()
    for thread in forking:
        thread.join()
    stop.set()
    for thread in threads:
        thread.join()
    balance()


def fork_in_a_loop() -> None:
    async def main() -> None:
        waiting = asyncio.ensure_future(awaited.video.wait("vid_1"))
        for _ in range(3):
            await asyncio.sleep(chance.uniform(0, 0.01))
            code = chance.randrange(1, 90)
            child = os.fork()
            if child == 0:
                balance()
                asyncio.run(balance_awaited())
                os._exit(code)
            await balance_awaited()
            await asyncio.to_thread(ended, [(child, code)])
        waiting.cancel()

    asyncio.run(main())


def keys() -> None:
    generate("before")
    children = []
    for _ in range(chance.randrange(2, 7)):
        child = os.fork()
        if child == 0:
            generate("child")
            grandchild = os.fork()
            generate("both")
            if grandchild:
                ended([(grandchild, 0)])
            os._exit(0)
        children.append((child, 0))
        generate(f"parent {child}")
    ended(children)


def _work(number: int) -> int:
    generate(number)
    return number


def _end(code: int) -> NoReturn:
    generate("process")
    sys.exit(code)


def pool() -> None:
    method = chance.choice(("fork", "fork", "spawn", "forkserver"))
    context: Any = multiprocessing.get_context(method)
    thread = threading.Thread(target=calls)
    thread.start()
    with context.Pool(2) as workers:
        assert workers.map(_work, range(8)) == list(range(8))
    code = chance.randrange(1, 90)
    process = context.Process(target=_end, args=(code,))
    process.start()
    process.join()
    assert process.exitcode == code, f"{method}: {process.exitcode} and not {code}"
    stop.set()
    thread.join()


def threads_that_end() -> None:
    """By SystemExit out of a callback, or by an exception from outside, which Python raises at a thread's next step."""
    import ctypes

    def ends(*_: object) -> NoReturn:
        time.sleep(chance.uniform(0, 0.02))
        raise SystemExit(3)

    work: dict[str, Callable[[], object]] = {
        "update": lambda: client.video.wait("vid_1", on_update=ends),
        "hook": lambda: infrai.InfraiClient(KEY, base_url=URL, on_response=ends).account.balance(),
        "key": lambda: infrai.InfraiClient(ends, base_url=URL).account.balance(),
        "prompts": lambda: list(client.video.generate_many(ends() for _ in "ab")),
        "awaited": lambda: asyncio.run(awaited.video.wait("vid_1", on_update=ends)),
        "calls": calls,
    }
    names = chance.choices(list(work), k=6)
    threads = [threading.Thread(target=work[name], daemon=True) for name in names]
    for thread in threads:
        thread.start()
    pause(0.1)
    for name, thread in zip(names, threads):
        while thread.is_alive() and name == "calls":
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit))
            thread.join(0.1)
        thread.join(60)
        assert not thread.is_alive(), f"{name}, of {names}"
    balance()


def exit_with_waits() -> None:
    busy(daemon=True)
    pause(0.15)


def loop_that_ends() -> None:
    async def main() -> None:
        tasks = [asyncio.ensure_future(awaited.video.wait("vid_1")) for _ in range(20)]
        tasks += [asyncio.ensure_future(_watched()) for _ in range(5)]
        tasks += [asyncio.ensure_future(awaited.video.status("slow")) for _ in range(5)]
        await asyncio.sleep(chance.uniform(0, 0.1))
        for task in chance.sample(tasks, 15):
            task.cancel()

    for _ in range(3):
        asyncio.run(main())
    import logging

    logging.getLogger("asyncio").disabled = True
    loop = asyncio.new_event_loop()
    kept = loop.create_task(main())
    loop.run_until_complete(asyncio.sleep(chance.uniform(0, 0.05)))
    if chance.random() < 0.5:
        loop.close()
    globals()["kept"] = kept


def interrupted() -> None:
    name = chance.choice(list(ENDLESS))
    print(name, flush=True)
    if chance.random() < 0.5:
        print("ready", flush=True)
        ENDLESS[name]()
        raise AssertionError("the call has ended")
    try:
        print("ready", flush=True)
        ENDLESS[name]()
    except KeyboardInterrupt:
        left = [file for file in os.listdir() if "video.mp4" in file]
        assert not left, left
        balance()
        asyncio.run(balance_awaited())
        return
    raise AssertionError("the call has ended")


def terminated() -> None:
    busy(daemon=True)
    print("ready", flush=True)
    ENDLESS[chance.choice(list(ENDLESS))]()


def signals() -> None:
    handled = []

    def handler(number: int, frame: object) -> None:
        handled.append(number)
        if len(handled) % 5 == 0:
            balance()

    signal.signal(signal.SIGUSR1, handler)
    # The last one; those before may have come as one.
    signal.signal(signal.SIGUSR2, lambda *_: stop.set())
    thread = threading.Thread(target=calls)
    thread.start()
    print("ready", flush=True)
    while not stop.is_set():
        balance()
        with contextlib.suppress(infrai.WaitTimeoutError):
            client.video.wait("vid_1", timeout=0.05)
    thread.join()
    assert handled


if __name__ == "__main__":
    globals()[NAME]()
    code = chance.randrange(1, 90)
    print(f"leaves with {code}", flush=True)
    leave(code)
