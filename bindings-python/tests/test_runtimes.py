"""Beside asyncio: what works under gevent, and what trio is told; and what becomes of a client that is copied or pickled."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import infrai
import pytest
from conftest import KEY
from scripted import Reply, ScriptedServer


def test_under_gevent_calls_in_its_thread_pool_let_other_greenlets_run(
    server: ScriptedServer, script: Any
) -> None:
    pytest.importorskip("gevent", reason="gevent is not there for this interpreter")
    server.on("*", Reply({"balance_usd": 1, "job_id": "vid_1", "state": "succeeded"}, delay=0.3))
    code = """
    from gevent import monkey
    monkey.patch_all()
    import asyncio, gevent, infrai
    client = infrai.InfraiClient(lambda: KEY, base_url=URL, on_response=lambda event: hooked.append(event["status"]))
    pool, hooked, ticks = gevent.get_hub().threadpool, [], []
    def tick():
        while True:
            ticks.append(1)
            gevent.sleep(0.01)
    ticking = gevent.spawn(tick)
    seen = []
    calls = [gevent.spawn(pool.apply, client.video.wait, ("vid_1",), {"on_update": seen.append}) for _ in range(3)]
    gevent.joinall(calls, raise_error=True)
    assert [call.value.state for call in calls] == ["succeeded"] * 3 and len(seen) == 3 and hooked
    assert len(ticks) > 3, "the others ran meanwhile"
    try:
        with gevent.Timeout(0.05):
            pool.apply(client.account.balance)
    except gevent.Timeout:
        print("a timeout of gevent's ends the waiting")
    # Without the pool a call works, and everybody waits for it.
    gevent.sleep(0)
    del ticks[:]
    assert client.account.balance().balance_usd == 1 and ticks == []
    awaited = infrai.AsyncInfraiClient(KEY, base_url=URL)
    assert asyncio.run(awaited.video.status("vid_1")).done
    """
    assert script(code).stdout == "a timeout of gevent's ends the waiting\n"


def test_a_loop_that_is_not_asyncios_is_refused_with_what_to_do(
    async_client: infrai.AsyncInfraiClient,
) -> None:
    trio = pytest.importorskip("trio", reason="trio is not there for this interpreter")

    async def watch() -> None:
        async for _ in async_client.video.watch("vid_1"):
            pass

    for call in (lambda: async_client.account.balance(), lambda: async_client.video.wait("vid_1"), watch):
        with pytest.raises(infrai.ConfigurationError, match=r"asyncio.*trio\.to_thread"):
            trio.run(call)
    coroutine = async_client.account.balance()
    with pytest.raises(infrai.ConfigurationError, match="none is running"):
        coroutine.send(None)


@pytest.mark.parametrize("kind", [infrai.InfraiClient, infrai.AsyncInfraiClient])
def test_a_client_is_its_own_copy_and_is_not_pickled(kind: Any) -> None:
    client = kind(KEY)
    settings = {"client": client, "names": ["a"]}
    assert copy.copy(client) is client
    assert copy.deepcopy(settings)["client"] is client
    with pytest.raises(
        TypeError, match=rf"{kind.__name__} cannot be pickled: .*Make a client in the process"
    ) as caught:
        pickle.dumps(client)
    assert KEY not in str(caught.value)
