"""Awaited calls: on the running loop, thousands at once, cancelled for real."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from pathlib import Path
from typing import Any

import infrai
import pytest
from conftest import FAST, KEY
from scripted import Reply, ScriptedServer


@pytest.mark.core
def test_every_call_can_be_awaited(
    server: ScriptedServer, async_client: infrai.AsyncInfraiClient, tmp_path: Path
) -> None:
    server.on("POST /v1/video/generate", {"job_id": "vid_1", "state": "queued"})
    server.job("running", "succeeded", video_url=f"{server.url}/file")
    server.on("POST /v1/video/jobs/vid_1/cancel", {"ok": True})
    server.on("GET /file", Reply(body=b"x" * 100_000))
    server.on("GET /v1/account/balance", {"balance_usd": 1})
    server.on("POST /v1/account/topup", {"topup_id": "t"})
    server.on("POST /v1/activate", {"primary_api_key": KEY})
    server.on("PUT /v1/x", {"n": 1})

    async def main() -> None:
        async with async_client as client:
            assert threading.active_count() == 2, "the test's and the server's"
            job = await client.video.generate("a kite")
            assert isinstance(job, infrai.AsyncVideoJob) and job.state == "queued"
            states = []
            done = await job.wait(on_update=lambda seen: states.append(seen.state))
            assert done.state == "succeeded" and states[-1] == "succeeded"
            sizes: list[tuple[int, int | None]] = []

            async def on_progress(received: int, total: int | None) -> None:
                await asyncio.sleep(0)
                sizes.append((received, total))

            saved = await done.download(tmp_path / "v.mp4", on_progress=on_progress)
            assert saved.bytes == 100_000 and sizes[-1] == (100_000, 100_000)
            assert (await done.cancel()).ok
            assert (await client.video.status("vid_1")).done
            assert (await client.account.balance()).balance_usd == 1
            assert (await client.account.topup(3)).topup_id == "t"
            assert (await client.activate(write_credentials=False)).ok
            assert (await client.request("PUT", "/v1/x", {"a": 1}))["n"] == 1
            with pytest.raises(infrai.NotFoundError):
                await client.video.status("unknown")
            with pytest.raises(infrai.InvalidRequestError):
                await client.video.generate("")

    asyncio.run(main())


def test_two_thousand_awaitables_at_once_each_get_their_own_answer(server: ScriptedServer) -> None:
    count = 2000
    for number in range(count):
        server.job("succeeded", id=f"vid_{number}", number=number)

    async def main() -> None:
        client = infrai.AsyncInfraiClient(KEY, base_url=server.url, connect_timeout=30, attempt_timeout=50)
        jobs = await asyncio.gather(*(client.video.status(f"vid_{number}") for number in range(count)))
        assert [job.number for job in jobs] == list(range(count))

    asyncio.run(main())


def test_a_thousand_waits_share_one_budget_of_requests(server: ScriptedServer) -> None:
    count = 1000
    for number in range(count):
        server.job("running", "succeeded", id=f"vid_{number}", number=number)
    polling: Any = {**FAST, "max_requests_per_second": 5000.0, "concurrency": 20}

    async def main() -> None:
        client = infrai.AsyncInfraiClient(KEY, base_url=server.url, polling=polling)
        jobs = await asyncio.gather(*(client.video.wait(f"vid_{number}") for number in range(count)))
        assert [job.number for job in jobs] == list(range(count))
        same = await asyncio.gather(*(client.video.wait("vid_0") for _ in range(50)))
        assert len(same) == 50

    asyncio.run(main())
    assert server.count("GET /v1/video/jobs/vid_0") <= 2 + 5


@pytest.mark.core
def test_a_cancelled_task_stops_its_request(
    server: ScriptedServer, async_client: infrai.AsyncInfraiClient
) -> None:
    server.on("POST /v1/video/generate", Reply({}, delay=30))

    async def main() -> None:
        task = asyncio.create_task(async_client.video.generate("a kite"))
        request = (await asyncio.to_thread(server.wait_for, 1))[0]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(request.abandoned.wait, 10), "the server sees the connection close"

    asyncio.run(main())
    assert len(server.requests) == 1


@pytest.mark.core
def test_a_cancelled_wait_stops_polling_and_leaves_the_job_alone(
    server: ScriptedServer, async_client: infrai.AsyncInfraiClient
) -> None:
    server.job("running")

    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(async_client.video.wait("vid_1"), 0.3)
        seen = len(server.requests)
        assert seen >= 1
        await asyncio.sleep(0.3)
        assert len(server.requests) <= seen + 1, "one may have been under way"

    asyncio.run(main())
    assert server.count("POST /v1/video/jobs/vid_1/cancel") == 0


@pytest.mark.core
def test_a_cancelled_wait_cancels_the_job_when_asked(
    server: ScriptedServer, async_client: infrai.AsyncInfraiClient
) -> None:
    server.job("running")
    server.on("POST /v1/video/jobs/vid_1/cancel", {"ok": True})

    async def main() -> None:
        task = asyncio.create_task(async_client.video.wait("vid_1", cancel_on_abort=True))
        await asyncio.to_thread(server.wait_for, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert server.count("POST /v1/video/jobs/vid_1/cancel") == 1

    asyncio.run(main())


def test_a_timed_out_wait_of_many_does_not_end_the_others(
    server: ScriptedServer, async_client: infrai.AsyncInfraiClient
) -> None:
    server.job(*["running"] * 20, "succeeded")

    async def main() -> None:
        hasty = asyncio.create_task(async_client.video.wait("vid_1", timeout=0.02))
        patient = asyncio.create_task(async_client.video.wait("vid_1"))
        with pytest.raises(infrai.WaitTimeoutError) as caught:
            await hasty
        assert isinstance(caught.value.job, infrai.AsyncVideoJob)
        assert (await patient).done

    asyncio.run(main())


@pytest.mark.core
def test_one_client_serves_many_event_loops_opened_and_closed(
    server: ScriptedServer, async_client: infrai.AsyncInfraiClient
) -> None:
    import os

    server.job("running")

    async def main() -> str:
        return (await async_client.video.status("vid_1")).state

    def descriptors() -> int:
        gc.collect()
        return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    assert asyncio.run(main()) == "running"
    before = descriptors()
    for _ in range(300):
        assert asyncio.run(main()) == "running"
    assert descriptors() <= before + 8


def test_a_loop_closed_with_calls_under_way_ends_them(
    server: ScriptedServer, async_client: infrai.AsyncInfraiClient
) -> None:
    server.on("GET /v1/account/balance", Reply({"balance_usd": 1}, delay=30))
    for round_ in range(5):
        loop = asyncio.new_event_loop()
        task = loop.create_task(async_client.account.balance())
        loop.run_until_complete(asyncio.sleep(0.05))
        request = server.wait_for(round_ + 1)[round_]
        task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        del task, loop
        gc.collect()
        assert request.abandoned.wait(10)


def test_loops_in_threads_side_by_side_share_a_client(
    server: ScriptedServer, async_client: infrai.AsyncInfraiClient
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    server.job("running")

    async def main() -> int:
        return len(await asyncio.gather(*(async_client.video.status("vid_1") for _ in range(20))))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: asyncio.run(main()), range(32))) == [20] * 32


@pytest.mark.core
def test_a_loop_that_watches_no_sockets_is_woken_all_the_same(
    server: ScriptedServer, async_client: infrai.AsyncInfraiClient
) -> None:
    class Deaf(asyncio.SelectorEventLoop):
        """Like Windows' default loop."""

        def add_reader(self, *_: Any) -> None:
            raise NotImplementedError

    server.job("running", "running", "succeeded")
    loop = Deaf()

    async def main() -> str:
        jobs = await asyncio.gather(*(async_client.video.wait("vid_1") for _ in range(10)))
        return jobs[0].state

    try:
        assert loop.run_until_complete(main()) == "succeeded"
    finally:
        loop.close()


def test_uvloop_runs_it(server: ScriptedServer, async_client: infrai.AsyncInfraiClient) -> None:
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not there for this interpreter")
    server.job("running", "succeeded")

    async def main() -> str:
        return (await async_client.video.wait("vid_1")).state

    loop = uvloop.new_event_loop()
    try:
        assert loop.run_until_complete(main()) == "succeeded"
    finally:
        loop.close()


def test_anyio_runs_and_cancels_it(server: ScriptedServer, async_client: infrai.AsyncInfraiClient) -> None:
    import anyio

    server.job("running")
    server.on("GET /v1/account/balance", Reply({"balance_usd": 1}, delay=30))

    async def main() -> None:
        assert (await async_client.video.status("vid_1")).state == "running"
        with anyio.move_on_after(0.2) as scope:
            await async_client.account.balance()
        assert scope.cancelled_caught

    anyio.run(main)
    assert server.requests[1].abandoned.wait(10)


@pytest.mark.core
def test_watch_yields_every_change_and_ends(
    server: ScriptedServer, async_client: infrai.AsyncInfraiClient
) -> None:
    server.job("queued", "queued", "running", "failed")

    async def main() -> list[str]:
        return [job.state async for job in async_client.video.watch("vid_1")]

    assert asyncio.run(main()) == ["queued", "running", "failed"]


@pytest.mark.core
def test_many_are_yielded_as_they_end_with_their_errors(
    server: ScriptedServer, async_client: infrai.AsyncInfraiClient
) -> None:
    server.on("POST /v1/video/generate", {"job_id": "vid_1", "state": "queued"})
    server.job("succeeded")

    async def main() -> dict[int, Any]:
        found = {}
        async with async_client.video.generate_many(["a", "", {"prompt": "c", "aspect": "1:1"}]) as many:
            async for index, result in many:
                found[index] = result
        return found

    found = asyncio.run(main())
    assert isinstance(found[0], infrai.AsyncVideoJob) and found[2].done
    assert isinstance(found[1], infrai.InvalidRequestError)


def test_leaving_many_stops_the_waiting(
    server: ScriptedServer, async_client: infrai.AsyncInfraiClient
) -> None:
    server.on(
        "POST /v1/video/generate",
        {"job_id": "vid_1", "state": "queued"},
        {"job_id": "vid_2", "state": "queued"},
    )
    server.job("succeeded")
    server.job("running", id="vid_2")

    async def main() -> None:
        async for _index, _result in async_client.video.generate_many(["a", "b"]):
            break
        await asyncio.sleep(0.2)
        seen = len(server.requests)
        await asyncio.sleep(0.3)
        assert len(server.requests) <= seen + 1

    asyncio.run(main())


@pytest.mark.core
def test_an_update_that_raises_ends_the_wait_with_that_exception(
    server: ScriptedServer, async_client: infrai.AsyncInfraiClient
) -> None:
    server.job("queued", "running", "succeeded")

    async def on_update(job: infrai.AsyncVideoJob) -> None:
        await asyncio.sleep(0)
        if job.state == "running":
            raise ZeroDivisionError("mine")

    async def main() -> None:
        with pytest.raises(ZeroDivisionError, match="mine"):
            await async_client.video.wait("vid_1", on_update=on_update)

    asyncio.run(main())


@pytest.mark.core
@pytest.mark.parametrize("awaitable", [False, True], ids=["plain", "async"])
def test_a_key_function_is_asked_once_a_call_and_once_more_after_a_401(
    server: ScriptedServer, awaitable: bool
) -> None:
    refused = Reply(status=401, error={"code": "UNAUTHORIZED", "message": "old"})
    server.on("GET /v1/account/balance", refused, {"balance_usd": 1})
    keys = iter(["ifr_pk_proj_old", "ifr_pk_proj_new", "ifr_pk_proj_third"])
    asked_on: list[threading.Thread] = []

    def plain() -> str:
        asked_on.append(threading.current_thread())
        return next(keys)

    async def awaited() -> str:
        await asyncio.sleep(0.01)
        return plain()

    async def main() -> None:
        client = infrai.AsyncInfraiClient(awaited if awaitable else plain, base_url=server.url)
        await client.account.balance()
        await client.account.balance()

    asyncio.run(main())
    sent = [request.headers["authorization"].removeprefix("Bearer ") for request in server.requests]
    assert sent == ["ifr_pk_proj_old", "ifr_pk_proj_new", "ifr_pk_proj_third"]
    assert set(asked_on) == {threading.main_thread()}, "asked in the event loop"


def test_what_a_key_function_raises_comes_out_as_itself(server: ScriptedServer) -> None:
    async def broken() -> str:
        raise ZeroDivisionError("no key today")

    async def main() -> None:
        client = infrai.AsyncInfraiClient(broken, base_url=server.url)
        with pytest.raises(ZeroDivisionError, match="no key today"):
            await client.account.balance()

    asyncio.run(main())
    assert server.requests == []


def test_a_key_function_that_raises_stop_iteration_ends_its_call(server: ScriptedServer) -> None:
    keys = iter(())
    client = infrai.AsyncInfraiClient(lambda: next(keys), base_url=server.url)

    async def main() -> None:
        with pytest.raises(RuntimeError):
            await asyncio.wait_for(client.account.balance(), 10)

    asyncio.run(main())


def test_an_awaited_downloads_path_is_resolved_when_the_call_begins(
    server: ScriptedServer,
    async_client: infrai.AsyncInfraiClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    server.job("succeeded", video_url=f"{server.url}/file")
    server.on("GET /file", Reply(body=b"x" * 1000, delay=0.2))

    async def main() -> infrai.Download:
        task = asyncio.create_task(async_client.video.download("vid_1", "kite.mp4"))
        await asyncio.sleep(0)
        monkeypatch.chdir(tmp_path / "elsewhere")
        return await task

    saved = asyncio.run(main())
    assert saved.path == tmp_path / "kite.mp4" and saved.path.read_bytes() == b"x" * 1000


def test_the_job_of_a_failed_download_is_awaitable(
    server: ScriptedServer, async_client: infrai.AsyncInfraiClient, tmp_path: Path
) -> None:
    server.job("running", "succeeded")

    async def main() -> None:
        with pytest.raises(infrai.InvalidRequestError) as caught:
            await async_client.video.download("vid_1", tmp_path / "v.mp4")
        assert isinstance(caught.value.job, infrai.AsyncVideoJob)
        assert (await caught.value.job.wait()).state == "succeeded"

    asyncio.run(main())


def test_a_wait_whose_coroutine_is_closed_awaits_nothing_more(
    server: ScriptedServer, async_client: infrai.AsyncInfraiClient
) -> None:
    server.job("running")

    async def main() -> None:
        wait = async_client.video.wait("vid_1", cancel_on_abort=True)
        wait.send(None)
        wait.close()

    asyncio.run(main())


def test_hooks_and_a_loop_that_watches_no_sockets_do_not_wait_for_each_other(
    server: ScriptedServer, script: Any
) -> None:
    server.on("GET /v1/account/balance", {"balance_usd": 1})
    code = """
        import asyncio, infrai, os, sys
        sys.setswitchinterval(1e-5)
        class Loop(asyncio.SelectorEventLoop):
            def add_reader(self, *_):
                raise NotImplementedError
        client = infrai.AsyncInfraiClient(KEY, base_url=URL, on_request=lambda _: None, on_response=lambda _: None)
        async def main():
            for _ in range(20):
                await asyncio.gather(*(client.account.balance() for _ in range(100)))
        Loop().run_until_complete(main())
        print("done", flush=True)
        os._exit(0)
        """
    assert script(code).stdout == "done\n"


def test_a_key_is_asked_for_by_the_loop_that_wants_it(server: ScriptedServer) -> None:
    server.on("*", {"balance_usd": 1})
    wanted_by: list[Any] = []
    started = threading.Event()

    async def key() -> str:
        wanted_by.append(asyncio.get_running_loop())
        await asyncio.sleep(0.01)
        return KEY

    client = infrai.AsyncInfraiClient(key, base_url=server.url)
    leave = threading.Event()

    async def other() -> None:
        await client.account.balance()
        started.set()
        while not leave.is_set():
            await asyncio.sleep(0.001)

    async def main() -> None:
        calls = asyncio.gather(*(client.account.balance() for _ in range(50)))
        await asyncio.sleep(0)
        # The other loop is free to ask meanwhile, and this one is not.
        time.sleep(0.3)
        await calls
        assert wanted_by[1:] == [asyncio.get_running_loop()] * 50

    thread = threading.Thread(target=asyncio.run, args=(other(),))
    thread.start()
    try:
        assert started.wait(20)
        asyncio.run(main())
    finally:
        leave.set()
        thread.join(20)


def test_a_cancelled_key_function_does_not_look_like_the_callers_own_cancellation(
    server: ScriptedServer,
) -> None:
    async def key() -> str:
        raise asyncio.CancelledError

    client = infrai.AsyncInfraiClient(key, base_url=server.url)

    async def main() -> None:
        with pytest.raises(infrai.ConfigurationError, match="api_key function's task was cancelled"):
            await client.account.balance()

    asyncio.run(main())
    assert server.requests == []
