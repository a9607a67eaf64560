"""How the package is used, for type checkers: `pyright --strict` and `mypy --strict` pass on this file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import infrai
from infrai import (
    AsyncInfraiClient,
    InfraiClient,
    InfraiError,
    VideoJob,
    account,
    ai,
    configure,
    infra,
)

if TYPE_CHECKING:
    from typing_extensions import assert_type


def default_client() -> None:
    result = infra.activate(region="western", write_credentials=False)
    granted: float | None = result.trial_credit_usd
    ok: bool = result.ok
    print(granted, ok, result.primary_api_key, result.credentials_file)
    job: VideoJob = ai.video.generate("a kite", resolution="1080p", prefer="balanced", aspect="9:16")
    # What the API learns tomorrow type-checks today.
    ai.video.generate("a kite", resolution="8k", prefer="newest", aspect="21:9", duration_seconds=5)
    name: str = job.job_id
    url: str | None = job.video_url
    print(name, url, job["job_id"], job.get("state"), job.progress, job.done)
    print(ai.video.cancel(id=name).get("ok"), ai.video.cancel(name).ok)
    print(account.balance().balance_usd, account.topup(20, return_url="https://example.com").next_action_url)
    configure(
        lambda: "ifr_pk_proj_key", timeout=30, polling={"request_cost": 0.1, "max_requests_per_second": 5}
    )
    options: infrai.ClientOptions = {"timeout": 30, "proxy": None, "on_request": print}
    configure("ifr_pk_proj_key", **options)
    print(InfraiClient(**options), AsyncInfraiClient("ifr_pk_proj_key", **options))
    # An unknown option and one of a wrong type are errors.
    configure(timeuot=30)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    InfraiClient(max_retries="2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    AsyncInfraiClient(None, 30)  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]


def clients(path: Path) -> None:
    def on_update(job: VideoJob) -> None:
        print(job.state)

    def on_response(event: infrai.ResponseEvent) -> None:
        print(event["method"], event["status"], event["latency"])

    with InfraiClient("ifr_pk_proj_key", base_url="https://api.infrai.cc", on_response=on_response) as client:
        done = client.video.wait("vid_1", timeout=None, on_update=on_update, cancel_on_timeout=True)
        saved = done.download(
            path, overwrite=True, on_progress=lambda received, total: print(received, total)
        )
        print(saved.bytes, os.fspath(saved), saved.path.name)
        hurried: InfraiClient = client.with_options(timeout=5, max_retries=0, headers={"x-trace": "1"})
        for seen in hurried.video.watch({"job_id": "vid_1"}):
            print(seen.state)
        options: list[str | infrai.GenerateOptions] = [
            "a red kite",
            {"prompt": "a blue kite", "aspect": "1:1"},
        ]
        for index, result in client.video.generate_many(options, concurrency=4, key_prefix="kites-1"):
            if isinstance(result, InfraiError):
                print(index, result.code, result.retry_after)
            else:
                print(index, result.video_url)
        answer = client.request("POST", "/v1/models", {"a": [1, None]}, query={"limit": 5})
        print(answer.status, answer.data, answer["name"], answer.metadata)


def errors() -> None:
    try:
        ai.video.wait("vid_1")
    except infrai.PaymentRequiredError as error:
        print(error.checkout_url)
    except infrai.WaitTimeoutError as error:
        timeout: TimeoutError = error
        print(timeout, error.job)
    except infrai.ConnectionError as error:
        connection: ConnectionError = error
        print(connection, error.may_have_been_processed, error.idempotency_key)
    except InfraiError as error:
        print(error.kind, error.code, error.message, error.hint, error.status, error.details)


async def key() -> str:
    return "ifr_pk_proj_key"


async def awaited() -> None:
    async def on_update(job: infrai.AsyncVideoJob) -> None:
        await asyncio.sleep(0)
        print(job.state)

    async with AsyncInfraiClient(key) as client:
        job = await client.video.generate("a kite")
        done: infrai.AsyncVideoJob = await job.wait(on_update=on_update)
        await done.download("kite.mp4")
        async for seen in client.video.watch(job):
            print(seen.state)
        async for index, result in client.video.generate_many(["a", "b"], keys=["k1", "k2"]):
            print(index, result.message if isinstance(result, InfraiError) else result.job_id)
        print((await client.account.balance()).currency, (await client.request("GET", "/v1/models")).data)


def fields(client: InfraiClient, job: VideoJob, path: Path) -> None:
    # Items have their types as attributes have.
    assert_type(job["job_id"], str)
    assert_type(job["state"], str)
    assert_type(job.get("state"), str)
    assert_type(job["video_url"], str)
    assert_type(job.get("video_url"), "str | None")
    assert_type(job.get("progress"), "float | None")
    assert_type(job["_metadata"], "dict[str, Any]")
    assert_type(job["of_tomorrow"], Any)
    assert_type(job.get("video_url", ""), Any)
    assert_type(client.video.cancel(job)["ok"], bool)
    assert_type(client.video.cancel(job).get("ok"), bool)
    assert_type(client.account.balance()["balance_usd"], float)
    assert_type(client.account.balance().get("currency"), "str | None")
    assert_type(client.account.wait_for_credit(5, timeout=None).balance_usd, "float")
    assert_type(client.spent_usd, "float")
    assert_type(client.video.status("vid_1").cost_usd, "float | None")
    assert_type(client.account.topup(5).get("next_action_url"), "str | None")
    fields: dict[str, Any] = job
    print(fields)
    # One prompt, many, records, and the two mixed.
    for prompts in (["a", "b"], ("a",), (f"kite {n}" for n in range(3))):
        assert_type(next(client.video.generate_many(prompts)), "infrai.GenerateManyItem")
    records: list[infrai.GenerateOptions] = [{"prompt": "a", "aspect": "1:1"}]
    client.video.generate_many(records)
    client.video.generate_many(["a", {"prompt": "b", "duration_seconds": 2}])
    texts: list[str] = ["a", "b"]
    dicts: list[dict[str, object]] = [{"prompt": "a", "resolution": "720p"}]
    read: list[dict[str, Any]] = [{"prompt": "a"}]
    mapped: list[Mapping[str, str]] = [{"prompt": "a"}]
    mixed: list[str | dict[str, object]] = ["a", {"prompt": "b"}]
    for batch in (texts, dicts, read, mapped, mixed):
        client.video.generate_many(batch)
    client.video.generate_many([1])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    with job.download_stream() as stream, path.open("wb") as file:
        assert_type(next(stream), bytes)
        assert_type(stream.job, VideoJob)
        file.writelines(stream)


async def awaited_fields(client: AsyncInfraiClient, job: infrai.AsyncVideoJob) -> None:
    assert_type(job["state"], str)
    assert_type(await job.wait(timeout=None), infrai.AsyncVideoJob)
    dicts: list[dict[str, object]] = [{"prompt": "a", "resolution": "720p"}]
    async for _, result in client.video.generate_many(dicts):
        assert_type(result, "infrai.AsyncVideoJob | InfraiError")
    assert_type(job.to_dict(), "dict[str, Any]")
    assert_type(job.copy(), infrai.AsyncVideoJob)
    assert_type(await client.video.cancel(job["job_id"]), infrai.CancelResult)
    async with await client.video.download_stream(job) as stream:
        async for piece in stream:
            assert_type(piece, bytes)


def tests_of_ones_own() -> None:
    from infrai.testing import Sandbox

    with Sandbox(faults=["POST /v1/video/generate: status=503 times=1"]) as sandbox:
        print(sandbox.client.video.generate("a kite").wait().video_url, sandbox.url, sandbox.api_key)
        print(sandbox.async_client(max_retries=0), sandbox.new_client(timeout=5, polling={"min_interval": 1}))
        balance: float = sandbox.add_credit(5) + sandbox.pay(sandbox.client.account.topup(20))
        print(balance, sandbox.requests()[0]["status"], sandbox.ledger()[0]["kind"])
