"""One client shared by tenants: every callback runs in the context, and on the thread or loop, of its own call."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from pathlib import Path
from typing import Any

import infrai
import pytest
from conftest import FAST, KEY
from scripted import Reply, Request, ScriptedServer

tenant: ContextVar[str] = ContextVar("tenant", default="none")
thread = threading.local()

THREADS = 10
CALLS = 15
TASKS = 40


def key_of(name: str) -> str:
    return f"ifr_pk_proj_of_{name}"


def plain_key() -> str:
    return key_of(tenant.get())


def thread_key() -> str:
    return key_of(getattr(thread, "tenant", "none"))


async def async_key() -> str:
    name = tenant.get()
    await asyncio.sleep(0.001)
    assert tenant.get() == name
    return key_of(name)


def path_of(name: str) -> str:
    return f"/v1/tenants/{name}"


def sender(request: Request) -> str:
    return request.headers["authorization"].removeprefix("Bearer ifr_pk_proj_of_")


def misdirected(server: ScriptedServer) -> list[str]:
    """The requests that went out with the key of a tenant other than that of their path."""
    return [f"{r.path} by {sender(r)}" for r in server.requests if r.path != path_of(sender(r))]


def serve_tenants(server: ScriptedServer) -> None:
    """Answers each tenant with its name as the request's id, which the log shows."""
    for name in (f"t{number}" for number in range(TASKS)):
        answer = {"ok": True, "data": {}, "error": None, "metadata": {"request_id": name}}
        server.on(f"GET {path_of(name)}", Reply(body=json.dumps(answer).encode()))


def misattributed(records: list[tuple[str, threading.Thread, str]], count: int) -> list[str]:
    """The records of so many answers that were emitted in another tenant's context."""
    answered = [(name, text) for name, _, text in records if text.startswith("answered")]
    assert len(answered) == count
    return [f"{text} in {name}" for name, text in answered if f"request_id={name} " not in text]


def in_threads(work: Callable[[str], Any]) -> None:
    """Runs it in many threads at once, each of them a tenant's."""
    start = threading.Barrier(THREADS)

    def run(name: str) -> None:
        tenant.set(name)
        thread.tenant = name
        start.wait(20)
        for _ in range(CALLS):
            work(name)

    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(Context().run, run, f"t{number}") for number in range(THREADS)]:
            done.result(60)


async def in_tasks(work: Callable[[str], Any]) -> None:
    """Runs it in many tasks at once, each of them a tenant's."""

    async def run(name: str) -> None:
        tenant.set(name)
        await work(name)

    await asyncio.gather(*(run(f"t{number}") for number in range(TASKS)))


@contextmanager
def logged(level: int = logging.DEBUG) -> Iterator[list[tuple[str, threading.Thread, str]]]:
    """The tenant and thread that a `logging.Filter` sees for each record, and its message."""
    seen: list[tuple[str, threading.Thread, str]] = []

    class Tenants(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            seen.append((tenant.get(), threading.current_thread(), record.getMessage()))
            return False

    logger, filter_ = logging.getLogger("infrai"), Tenants()
    logger.addFilter(filter_)
    logger.setLevel(level)
    try:
        yield seen
    finally:
        logger.removeFilter(filter_)
        logger.setLevel(logging.NOTSET)


@pytest.mark.core
@pytest.mark.parametrize("key", [plain_key, thread_key, async_key])
def test_a_blocking_call_sends_its_threads_key(server: ScriptedServer, key: Any) -> None:
    server.on("*", {})
    client = infrai.InfraiClient(key, base_url=server.url)
    in_threads(lambda name: client.request("GET", path_of(name)))
    assert len(server.requests) == THREADS * CALLS
    assert misdirected(server) == []


@pytest.mark.core
@pytest.mark.parametrize("key", [plain_key, async_key])
def test_an_awaited_call_sends_its_tasks_key(server: ScriptedServer, key: Any) -> None:
    server.on("*", {})
    client = infrai.AsyncInfraiClient(key, base_url=server.url)
    asyncio.run(in_tasks(lambda name: client.request("GET", path_of(name))))
    assert len(server.requests) == TASKS
    assert misdirected(server) == []


@pytest.mark.core
def test_blocking_calls_inside_loops_send_their_key(server: ScriptedServer) -> None:
    server.on("*", {})
    client = infrai.InfraiClient(async_key, base_url=server.url)

    async def call(name: str) -> None:
        client.request("GET", path_of(name))

    in_threads(lambda name: asyncio.run(call(name)))
    assert misdirected(server) == []


@pytest.mark.core
def test_loops_side_by_side_send_their_tasks_keys(server: ScriptedServer) -> None:
    server.on("*", {})
    loops: list[bool] = []

    async def key() -> str:
        loops.append(asyncio.get_running_loop() is loop.get())
        return await async_key()

    loop: ContextVar[Any] = ContextVar("loop")
    client = infrai.AsyncInfraiClient(key, base_url=server.url)

    async def main(name: str) -> None:
        loop.set(asyncio.get_running_loop())
        await asyncio.gather(*(client.request("GET", path_of(name)) for _ in range(3)))

    in_threads(lambda name: asyncio.run(main(name)))
    assert misdirected(server) == []
    assert loops == [True] * (THREADS * CALLS * 3)


@pytest.mark.core
def test_a_blocking_calls_hooks_and_logs_are_its_own(server: ScriptedServer) -> None:
    serve_tenants(server)
    seen: list[tuple[str, bool]] = []
    client = infrai.InfraiClient(
        KEY,
        base_url=server.url,
        on_request=lambda event: seen.append((event["path"], path_of(thread.tenant) == event["path"])),
        on_response=lambda event: seen.append((event["path"], path_of(tenant.get()) == event["path"])),
    )
    with logged() as records:
        in_threads(lambda name: client.request("GET", path_of(name)))
    assert len(seen) == 2 * THREADS * CALLS and all(own for _, own in seen)
    assert misattributed(records, THREADS * CALLS) == []


@pytest.mark.core
@pytest.mark.parametrize("fixed", [True, False], ids=["fixed key", "key function"])
def test_an_awaited_calls_hooks_and_logs_are_its_own(server: ScriptedServer, fixed: bool) -> None:
    serve_tenants(server)
    seen: list[tuple[str, bool]] = []

    def hook(event: Any) -> None:
        seen.append((event["path"], path_of(tenant.get()) == event["path"]))

    key: Any = KEY if fixed else async_key
    client = infrai.AsyncInfraiClient(key, base_url=server.url, on_request=hook, on_response=hook)
    with logged() as records:
        asyncio.run(in_tasks(lambda name: client.request("GET", path_of(name))))
    assert len(seen) == 2 * TASKS and all(own for _, own in seen)
    assert misattributed(records, TASKS) == []


def test_logs_are_their_calls_without_any_callback(server: ScriptedServer) -> None:
    serve_tenants(server)
    client = infrai.AsyncInfraiClient(KEY, base_url=server.url)
    with logged() as records:
        asyncio.run(in_tasks(lambda name: client.request("GET", path_of(name))))
    assert misattributed(records, TASKS) == []


@pytest.mark.core
def test_updates_come_in_their_waits_context(server: ScriptedServer) -> None:
    server.job("queued", "running", "succeeded")
    seen: list[tuple[str, str, threading.Thread]] = []

    def update(name: str) -> Callable[[Any], None]:
        return lambda _job: seen.append((name, tenant.get(), threading.current_thread()))

    client = infrai.InfraiClient(KEY, base_url=server.url, polling=FAST)
    threads: dict[str, threading.Thread] = {}

    def wait(name: str) -> None:
        threads[name] = threading.current_thread()
        client.video.wait("vid_1", on_update=update(name))

    in_threads(wait)
    assert {name for name, _, _ in seen} == set(threads)
    assert all(name == own and thread is threads[name] for name, own, thread in seen)

    del seen[:]
    server.job("queued", "running", "succeeded")
    awaited = infrai.AsyncInfraiClient(KEY, base_url=server.url, polling=FAST)
    asyncio.run(in_tasks(lambda name: awaited.video.wait("vid_1", on_update=update(name))))
    assert len({name for name, _, _ in seen}) == TASKS
    assert all(name == own for name, own, _ in seen)


def test_progress_comes_in_its_downloads_context(server: ScriptedServer, tmp_path: Path) -> None:
    server.job("succeeded", video_url=f"{server.url}/file")
    server.on("GET /file", Reply(body=b"x" * 100_000))
    client = infrai.AsyncInfraiClient(KEY, base_url=server.url)
    seen: list[tuple[str, str]] = []

    def download(name: str) -> Any:
        def on_progress(_received: int, _total: int | None) -> None:
            seen.append((name, tenant.get()))

        return client.video.download("vid_1", tmp_path / name, on_progress=on_progress)

    asyncio.run(in_tasks(download))
    assert len({name for name, _ in seen}) == TASKS
    assert all(name == own for name, own in seen)


@pytest.mark.core
def test_blocking_waits_on_one_job_send_their_own_key(server: ScriptedServer) -> None:
    server.job(*["running"] * 30, "succeeded")
    client = infrai.InfraiClient(thread_key, base_url=server.url, polling=FAST)
    with ThreadPoolExecutor(2) as pool:

        def wait(name: str) -> str:
            thread.tenant = name
            return client.video.wait("vid_1").state

        assert list(pool.map(wait, ["a", "b"])) == ["succeeded"] * 2
    assert {sender(request) for request in server.requests} == {"a", "b"}


@pytest.mark.core
@pytest.mark.parametrize("key", [plain_key, async_key])
def test_awaited_waits_on_one_job_send_their_own_key(server: ScriptedServer, key: Any) -> None:
    server.job(*["running"] * 200, "succeeded")
    client = infrai.AsyncInfraiClient(key, base_url=server.url, polling=FAST)
    asyncio.run(in_tasks(lambda _name: client.video.wait("vid_1")))
    assert len({sender(request) for request in server.requests}) == TASKS


@pytest.mark.core
def test_a_shared_poll_runs_in_the_oldest_live_context(server: ScriptedServer) -> None:
    server.job("running")
    seen: list[str] = []
    hooked: list[str] = []

    async def key() -> str:
        seen.append(tenant.get())
        return KEY

    client = infrai.AsyncInfraiClient(
        key, base_url=server.url, polling=FAST, on_response=lambda _: hooked.append(tenant.get())
    )

    def begin(name: str) -> asyncio.Task[Any]:
        return copied(name).run(asyncio.ensure_future, client.video.wait("vid_1"))

    async def polls(count: int) -> None:
        enough = len(hooked) + count
        while len(hooked) < enough:
            await asyncio.sleep(0.001)

    async def main() -> None:
        older = begin("older")
        await polls(3)
        younger = begin("younger")
        await polls(3)
        del seen[:], hooked[:]
        await polls(3)
        assert set(seen) == set(hooked) == {"older"}
        older.cancel()
        await asyncio.wait([older])
        await polls(1)
        del seen[:], hooked[:]
        await polls(3)
        assert set(seen) == set(hooked) == {"younger"}
        server.job("succeeded")
        assert (await younger).state == "succeeded"

    asyncio.run(main())


def copied(name: str) -> Context:
    """A copy of this context, of another tenant."""
    context = copy_context()
    context.run(tenant.set, name)
    return context


@pytest.mark.core
def test_an_awaited_wait_outlives_an_older_ones_key(server: ScriptedServer) -> None:
    server.job("running")
    asked: list[str] = []

    async def main() -> str:
        stuck = asyncio.Event()

        async def key() -> str:
            asked.append(tenant.get())
            if tenant.get() == "older" and "younger" in asked:
                stuck.set()
                await asyncio.sleep(3600)
            return KEY

        client = infrai.AsyncInfraiClient(key, base_url=server.url, polling=FAST)
        older = copied("older").run(asyncio.ensure_future, client.video.wait("vid_1"))
        await asyncio.to_thread(server.wait_for, 1)
        younger = copied("younger").run(asyncio.ensure_future, client.video.wait("vid_1"))
        await asyncio.wait_for(stuck.wait(), 20)
        older.cancel()
        await asyncio.to_thread(server.wait_for, len(server.requests) + 3)
        server.job("succeeded")
        return (await asyncio.wait_for(younger, 20)).state

    assert asyncio.run(main()) == "succeeded"
    assert asked[-1] == "younger"


@pytest.mark.core
def test_a_blocking_wait_outlives_an_older_ones_key(server: ScriptedServer) -> None:
    server.job("queued")
    asked: list[str] = []
    inside, leave = threading.Event(), threading.Event()

    def key() -> str:
        asked.append(thread.tenant)
        return KEY

    def on_update(job: infrai.VideoJob) -> None:
        if job.state == "running":
            # The next poll asks this thread for a key, and this thread never answers.
            inside.set()
            assert leave.wait(20)
            raise ZeroDivisionError

    client = infrai.InfraiClient(key, base_url=server.url, polling=FAST)

    def older() -> None:
        thread.tenant = "older"
        with pytest.raises(ZeroDivisionError):
            client.video.wait("vid_1", on_update=on_update)

    def younger() -> str:
        thread.tenant = "younger"
        return client.video.wait("vid_1").state

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(older)
        server.wait_for(1)
        second = pool.submit(younger)
        server.wait_for(len(server.requests) + 3)
        server.job("running")
        assert inside.wait(20)
        time.sleep(0.1)
        assert not second.done()
        leave.set()
        first.result(20)
        server.wait_for(len(server.requests) + 3)
        server.job("succeeded")
        assert second.result(20) == "succeeded"
    assert asked[-1] == "younger"


@pytest.mark.core
def test_a_stream_has_the_context_it_was_made_in(server: ScriptedServer) -> None:
    server.on("POST /v1/video/generate", {"job_id": "vid_1", "state": "queued"})
    server.job("running", "running", "succeeded", video_url=f"{server.url}/file")
    server.on("GET /file", Reply(body=b"x" * 100_000))
    hooked: list[str] = []
    client = infrai.InfraiClient(
        plain_key, base_url=server.url, polling=FAST, on_response=lambda _: hooked.append(tenant.get())
    )
    with logged() as records:
        watch = copied("acme").run(client.video.watch, "vid_1")
        many = copied("acme").run(client.video.generate_many, ["x"] * 20, concurrency=1)
        # Read in another context, and many goes on between its reads.
        assert [job.state for job in watch] == ["running", "succeeded"]
        next(many)
        server.wait_for(30)
        assert len(list(many)) == 19
        stream = copied("acme").run(client.video.download_stream, "vid_1")
        assert sum(map(len, stream)) == 100_000
    calls = [request for request in server.requests if request.path != "/file"]
    assert {sender(request) for request in calls} == {"acme"}
    assert set(hooked) == {"acme"} and len(hooked) == len(calls)
    assert {name for name, _, _ in records} == {"acme"}


@pytest.mark.core
def test_an_awaited_stream_has_the_context_it_was_made_in(server: ScriptedServer) -> None:
    server.on("POST /v1/video/generate", {"job_id": "vid_1", "state": "queued"})
    server.job("running", "running", "succeeded")
    hooked: list[tuple[str, threading.Thread]] = []

    async def main() -> None:
        client = infrai.AsyncInfraiClient(
            async_key,
            base_url=server.url,
            polling=FAST,
            on_response=lambda _: hooked.append((tenant.get(), threading.current_thread())),
        )
        watch = copied("acme").run(client.video.watch, "vid_1")
        many = copied("acme").run(client.video.generate_many, ["x"] * 20)
        assert [job.state async for job in watch] == ["running", "succeeded"]
        assert len([item async for item in many]) == 20

    asyncio.run(main())
    assert {sender(request) for request in server.requests} == {"acme"}
    assert set(hooked) == {("acme", threading.current_thread())}


def test_a_streams_hooks_run_while_its_reader_is_elsewhere(server: ScriptedServer) -> None:
    server.job("running")
    hooked: list[str] = []
    enough = threading.Event()

    def hook(_event: Any) -> None:
        hooked.append(tenant.get())
        if len(hooked) >= 5:
            enough.set()

    client = infrai.InfraiClient(KEY, base_url=server.url, polling=FAST, on_response=hook)
    watch = copied("acme").run(client.video.watch, "vid_1")
    next(watch)
    assert enough.wait(20)
    watch.close()
    assert set(hooked) == {"acme"}


def test_a_stream_outlives_the_loop_that_read_it_last(server: ScriptedServer) -> None:
    server.job("running")
    client = infrai.AsyncInfraiClient(async_key, base_url=server.url, polling=FAST)
    watch = copied("acme").run(client.video.watch, "vid_1")

    async def read() -> str:
        return (await watch.__anext__()).state

    assert asyncio.run(read()) == "running"
    gc.collect()
    # No loop is there to call the key function.
    server.wait_for(len(server.requests) + 3)
    server.job("succeeded")
    assert asyncio.run(read()) == "succeeded"
    assert {sender(request) for request in server.requests} == {"acme"}


def test_hooks_of_one_call_share_what_they_set(server: ScriptedServer) -> None:
    server.on("*", {})
    span: ContextVar[str] = ContextVar("span", default="none")
    spans: list[str] = []
    client = infrai.AsyncInfraiClient(
        KEY,
        base_url=server.url,
        on_request=lambda event: span.set(event["path"]),
        on_response=lambda event: spans.append(f"{event['path']} {span.get()}"),
    )
    asyncio.run(in_tasks(lambda name: client.request("GET", path_of(name))))
    assert sorted(spans) == sorted(f"{path_of(f't{n}')} {path_of(f't{n}')}" for n in range(TASKS))


def test_a_hook_may_run_the_loop_it_is_called_in(server: ScriptedServer) -> None:
    server.on("*", Reply(status=503, error={"code": "VENDOR_DOWN", "message": "x"}), {})
    seen: list[str] = []
    inner = infrai.InfraiClient(plain_key, base_url=server.url)

    def hook(_event: Any) -> None:
        # In the context already: what another call of the same tenant runs in it must be let in.
        inner.request("GET", path_of(tenant.get()))
        from infrai._loop import get_bridge

        get_bridge().drain()
        seen.append(tenant.get())

    client = infrai.AsyncInfraiClient(plain_key, base_url=server.url, retry_base=0.01, on_request=hook)

    async def main() -> None:
        tenant.set("acme")
        await client.request("GET", path_of("acme"))

    asyncio.run(main())
    assert set(seen) == {"acme"} and misdirected(server) == []


def test_a_cancelled_call_leaves_its_key_function_to_end(server: ScriptedServer) -> None:
    server.on("*", {"balance_usd": 1})
    ended: list[str] = []

    async def main() -> None:
        asked, leave = asyncio.Event(), asyncio.Event()

        async def key() -> str:
            asked.set()
            await leave.wait()
            ended.append(tenant.get())
            raise LookupError("too late to matter")

        client = infrai.AsyncInfraiClient(key, base_url=server.url)
        call = copied("acme").run(asyncio.ensure_future, client.account.balance())
        await asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        leave.set()
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert ended == ["acme"] and server.requests == []


def test_a_raising_key_function_ends_its_own_call_alone(server: ScriptedServer) -> None:
    server.on("*", {})

    def key() -> str:
        if tenant.get() in ("t1", "t2"):
            raise LookupError(tenant.get())
        return plain_key()

    failed: list[str] = []

    async def awaited(name: str) -> None:
        try:
            await awaited_client.request("GET", path_of(name))
        except LookupError as error:
            failed.append(f"{name} {error}")

    def blocking(name: str) -> None:
        try:
            client.request("GET", path_of(name))
        except LookupError as error:
            failed.append(f"{name} {error}")

    client = infrai.InfraiClient(key, base_url=server.url)
    in_threads(blocking)
    assert sorted(failed) == ["t1 t1"] * CALLS + ["t2 t2"] * CALLS
    del failed[:]
    awaited_client = infrai.AsyncInfraiClient(key, base_url=server.url)
    asyncio.run(in_tasks(awaited))
    assert sorted(failed) == ["t1 t1", "t2 t2"]
    assert misdirected(server) == []


class Held:
    """Something that a context holds, and that may hold a stream."""

    stream: Any = None


held: ContextVar[Held] = ContextVar("held")


@pytest.mark.parametrize("kind", [infrai.InfraiClient, infrai.AsyncInfraiClient])
def test_a_stream_that_its_context_holds_is_collected(server: ScriptedServer, kind: Any) -> None:
    server.job("running")
    client = kind(plain_key, base_url=server.url, polling=FAST)

    def make() -> Any:
        thing = Held()
        held.set(thing)
        thing.stream = client.video.watch("vid_1")
        return weakref.ref(thing)

    thing = Context().run(make)
    gc.collect()
    assert thing() is None


def test_a_context_is_let_go_with_its_call(server: ScriptedServer) -> None:
    server.on("*", {})
    client = infrai.AsyncInfraiClient(plain_key, base_url=server.url)

    async def call() -> Any:
        thing = Held()
        held.set(thing)
        await client.request("GET", "/v1/x")
        return weakref.ref(thing)

    async def main() -> None:
        # The loop's first call among them, whose context the loop must not keep.
        things = [await asyncio.ensure_future(call()) for _ in range(3)]
        # The runtime's thread lets go of a call a moment after its end.
        for _ in range(1000):
            await client.request("GET", "/v1/x")
            gc.collect()
            if all(thing() is None for thing in things):
                return
        raise AssertionError("a context is still held")

    asyncio.run(main())


@pytest.mark.core
def test_a_key_function_that_forks_hangs_neither(server: ScriptedServer, script: Any) -> None:
    import os

    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork()")
    server.on("*", {"balance_usd": 1})
    code = """
        import infrai, os, signal
        children = []
        def key():
            if not children:
                children.append(os.fork())
                if children == [0]:
                    signal.alarm(30)
            return KEY
        client = infrai.InfraiClient(key, base_url=URL, on_request=lambda _: None)
        try:
            assert client.account.balance().balance_usd == 1
        except infrai.AbortedError as error:
            assert children == [0] and "parent" in str(error), error
            assert client.account.balance().balance_usd == 1
            print("child", flush=True)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 0
        print("parent", flush=True)
        """
    assert sorted(script(code).stdout.splitlines()) == ["child", "parent"]
