"""Batches: items with key and file, callbacks, abort, progress. The scenarios hold the rules of the checkpoint."""

from __future__ import annotations

import asyncio
import json
import pickle
import threading
from pathlib import Path
from typing import Any

import infrai
import pytest
from scripted import ScriptedServer

pytestmark = pytest.mark.core


def serve(server: ScriptedServer) -> None:
    """Two jobs, of which the second never ends."""
    jobs = [{"job_id": f"vid_{number}", "state": "queued"} for number in (1, 2)]
    server.on("POST /v1/video/generate", *jobs)
    server.job("succeeded")
    server.job("running", id="vid_2")
    server.on("POST /v1/video/jobs/vid_2/cancel", {"ok": True})


def test_an_item_is_a_tuple_with_a_key(server: ScriptedServer, client: infrai.InfraiClient) -> None:
    serve(server)
    (item,) = client.video.generate_many(["a"], key_prefix="k")
    index, job = item
    assert (index, item.index, item.result, item.file) == (0, 0, job, None)
    assert isinstance(job, infrai.VideoJob) and item.key.startswith("k-") and item.key.endswith("-0")
    assert server.requests[0].headers["idempotency-key"] == item.key
    (error,) = client.video.generate_many([""], key_prefix="k")
    assert isinstance(error.result, infrai.InvalidRequestError) and error.result.idempotency_key == error.key
    copied = pickle.loads(pickle.dumps(item))
    assert (copied, copied.key) == (item, item.key)


def test_callbacks_get_the_item_and_end_the_iteration(
    server: ScriptedServer, client: infrai.InfraiClient, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(server)
    seen: list[Any] = []
    many = client.video.generate_many(
        ["a"],
        on_submit=lambda item: seen.append(("submit", item.index, item.result["state"])),
        on_update=lambda item: seen.append(("update", item.index, item.result["state"])),
        progress=True,
    )
    assert len(list(many)) == 1
    assert seen[0] == ("submit", 0, "queued") and seen[-1] == ("update", 0, "succeeded")
    assert "1 of 1" in capsys.readouterr().err

    def fail(_: object) -> None:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        list(client.video.generate_many(["a"], on_submit=fail))

    async def wrong(_: object) -> None: ...

    with pytest.raises(infrai.InvalidRequestError, match="on_update"):
        client.video.generate_many(["a"], on_update=wrong)


def test_an_awaitable_callback_is_awaited(
    server: ScriptedServer, async_client: infrai.AsyncInfraiClient
) -> None:
    serve(server)
    seen: list[int] = []

    async def note(item: infrai.AsyncGenerateManyItem) -> None:
        await asyncio.sleep(0)
        seen.append(item.index)

    async def main() -> None:
        async for item in async_client.video.generate_many(["a"], on_submit=note):
            assert isinstance(item.result, infrai.AsyncVideoJob)

    asyncio.run(main())
    assert seen == [0]


def test_an_aborted_batch_names_the_jobs_that_continue(
    server: ScriptedServer, client: infrai.InfraiClient, tmp_path: Path
) -> None:
    serve(server)
    many = client.video.generate_many(["a", "b"], concurrency=1, checkpoint=tmp_path / "batch.jsonl")
    next(many)
    threading.Timer(0.2, many.abort).start()
    with pytest.raises(infrai.AbortedError) as caught:
        list(many)
    details = caught.value.details
    assert details is not None and [job["job_id"] for job in details["jobs"]] == ["vid_2"]
    records = [json.loads(line) for line in (tmp_path / "batch.jsonl").read_text().splitlines()]
    assert [record["event"] for record in records if "job_id" in record] == [
        "submitted",
        "ended",
        "submitted",
    ]
    with pytest.raises(StopIteration):
        next(many)


@pytest.mark.parametrize("cancels", [False, True])
def test_a_cancelled_task_cancels_the_jobs_if_wanted(
    server: ScriptedServer, async_client: infrai.AsyncInfraiClient, cancels: bool
) -> None:
    serve(server)

    async def main() -> None:
        many = async_client.video.generate_many(["a", "b"], concurrency=1, cancel_on_abort=cancels)
        await anext(many)
        read = asyncio.ensure_future(anext(many))
        await asyncio.sleep(0.2)
        read.cancel()
        with pytest.raises(asyncio.CancelledError):
            await read
        await many.aclose()

    asyncio.run(main())
    assert any(request.path.endswith("/cancel") for request in server.requests) is cancels


def test_a_checkpoint_has_one_writer(
    server: ScriptedServer, client: infrai.InfraiClient, tmp_path: Path
) -> None:
    serve(server)
    many = client.video.generate_many(["a", "b"], concurrency=1, checkpoint=tmp_path / "batch.jsonl")
    next(many)
    with pytest.raises(infrai.ConfigurationError) as caught:
        next(client.video.generate_many(["a"], checkpoint=tmp_path / "batch.jsonl"))
    assert caught.value.code == "CHECKPOINT_LOCKED"
    many.close()
    # The stored job has ended.
    index, job = next(client.video.generate_many(["a"], checkpoint=tmp_path / "batch.jsonl"))
    assert index == 0 and isinstance(job, infrai.VideoJob)
