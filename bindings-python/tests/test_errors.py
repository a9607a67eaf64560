"""Errors: classes, attributes, causes, and what they say."""

from __future__ import annotations

import builtins
import copy
import pickle
import sys
from functools import partial

import infrai
import pytest
from conftest import FAST, KEY
from scripted import Reply, ScriptedServer

pytestmark = pytest.mark.core


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "UNAUTHORIZED", infrai.AuthenticationError),
        (402, "INSUFFICIENT_CREDIT", infrai.PaymentRequiredError),
        (403, "SCOPE_INSUFFICIENT", infrai.PermissionError),
        (400, "IDEMPOTENCY_KEY_REQUIRED", infrai.InvalidRequestError),
        (404, "NOT_FOUND", infrai.NotFoundError),
        (409, "IDEMPOTENCY_CONFLICT", infrai.ConflictError),
        (429, "RATE_LIMIT_USER", infrai.RateLimitError),
        (503, "VENDOR_DOWN", infrai.ServerError),
        (302, "HTTP_302", infrai.UnexpectedResponseError),
    ],
)
def test_each_kind_has_its_class(
    server: ScriptedServer,
    client: infrai.InfraiClient,
    status: int,
    code: str,
    kind: type[infrai.InfraiError],
) -> None:
    server.on("*", Reply(status=status, error={"code": code, "message": "no"}))
    with pytest.raises(infrai.InfraiError) as caught:
        client.with_options(max_retries=0).account.balance()
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.attempts) == (status, 1)


def test_an_error_carries_everything_that_is_known(
    server: ScriptedServer, client: infrai.InfraiClient
) -> None:
    problem = {
        "code": "INSUFFICIENT_CREDIT",
        "message": "no credit",
        "checkout_url": "https://pay/1",
        "missing_usd": 0.5,
    }
    server.on("*", Reply(status=402, error=problem))
    with pytest.raises(infrai.PaymentRequiredError) as caught:
        client.video.generate("a kite", idempotency_key="k-1")
    error = caught.value
    assert (error.kind, error.code, error.message) == ("payment_required", "INSUFFICIENT_CREDIT", "no credit")
    assert (error.idempotency_key, error.attempts, error.retryable) == ("k-1", 1, False)
    assert error.checkout_url == "https://pay/1" and error.details["missing_usd"] == 0.5
    assert error.may_have_been_processed is False and error.retry_after is None and error.job is None
    assert "no credit (INSUFFICIENT_CREDIT, HTTP 402, request req-1)" in str(error)
    assert "https://pay/1" in str(error), "it says what to do"
    assert error.docs_url and error.docs_url.endswith("/error-codes.html#insufficient_credit")
    notes = [f"See {error.docs_url}"] if sys.version_info >= (3, 11) else None
    assert getattr(error, "__notes__", None) == notes
    assert getattr(pickle.loads(pickle.dumps(error)), "__notes__", None) == notes


def test_a_broken_connection_is_pythons_own_error_too_with_its_cause(closed_port: int) -> None:
    client = infrai.InfraiClient(KEY, base_url=f"http://127.0.0.1:{closed_port}", max_retries=0)
    with pytest.raises(builtins.ConnectionError) as caught:
        client.account.balance()
    error = caught.value
    assert isinstance(error, infrai.ConnectionError) and error.code == "CONNECTION_FAILED" and error.retryable
    causes = []
    cause: BaseException | None = error
    while cause := cause.__cause__:
        causes.append(cause)
    assert any(isinstance(cause, ConnectionRefusedError) for cause in causes), causes


@pytest.fixture
def closed_port() -> int:
    import socket

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def test_a_timeout_is_pythons_own_error_too(server: ScriptedServer) -> None:
    server.on("*", Reply({}, delay=30))
    client = infrai.InfraiClient(KEY, base_url=server.url, attempt_timeout=0.1, max_retries=0)
    with pytest.raises(builtins.TimeoutError) as caught:
        client.video.generate("x")
    error = caught.value
    assert isinstance(error, infrai.TimeoutError) and error.code == "TIMEOUT"
    assert error.may_have_been_processed and error.idempotency_key


def test_a_wait_that_ends_badly_carries_the_job(server: ScriptedServer, client: infrai.InfraiClient) -> None:
    server.job("running", "failed", error={"code": "NSFW", "message": "refused"})
    with pytest.raises(infrai.JobFailedError, match="NSFW") as caught:
        client.video.wait("vid_1")
    assert caught.value.job is not None and caught.value.job.error["code"] == "NSFW"
    server.job("cancelled")
    with pytest.raises(infrai.JobCancelledError):
        client.video.wait("vid_1")


def test_a_wait_that_times_out_carries_a_job_that_can_be_waited_for_again(
    server: ScriptedServer, client: infrai.InfraiClient
) -> None:
    server.job("running")
    with pytest.raises(builtins.TimeoutError) as caught:
        client.video.wait("vid_1", timeout=0.2)
    error = caught.value
    assert isinstance(error, infrai.WaitTimeoutError) and isinstance(error.job, infrai.VideoJob)
    server.job("succeeded")
    assert error.job.wait().done


def test_an_error_can_be_pickled_and_copied(server: ScriptedServer, client: infrai.InfraiClient) -> None:
    server.job("failed", error="why")
    with pytest.raises(infrai.JobFailedError) as caught:
        client.video.wait("vid_1")
    for other in (pickle.loads(pickle.dumps(caught.value)), copy.copy(caught.value)):
        assert type(other) is infrai.JobFailedError and str(other) == str(caught.value)
        assert other.job == caught.value.job and other.hint == caught.value.hint
    assert KEY.encode() not in pickle.dumps(caught.value)


def test_an_error_of_ones_own_can_be_made_for_mocks() -> None:
    error = infrai.RateLimitError("slow down", code="RATE_LIMIT_USER", status=429, retry_after=2.0)
    assert (error.kind, error.retry_after, str(error)) == ("rate_limit", 2.0, "slow down (RATE_LIMIT_USER)")


@pytest.mark.parametrize("inside", [False, True], ids=["attached", "in the runtime"])
def test_a_panic_becomes_an_error_that_asks_for_a_report(client: infrai.InfraiClient, inside: bool) -> None:
    with pytest.raises(infrai.InternalError, match="report") as caught:
        client._native._panic(None, inside)
    assert caught.value.code == "INTERNAL" and "asked for by a test" in caught.value.message
    with pytest.raises(infrai.NotFoundError):
        client.account.balance()


def test_a_panic_of_an_awaited_call_becomes_an_error(async_client: infrai.AsyncInfraiClient) -> None:
    import asyncio

    from infrai._loop import call

    async def main() -> None:
        for inside in (False, True):
            with pytest.raises(infrai.InternalError, match="report"):
                await call(partial(async_client._native._panic, inside=inside))
        with pytest.raises(infrai.NotFoundError):
            await async_client.account.balance()

    asyncio.run(main())


def test_no_error_shows_a_key(server: ScriptedServer) -> None:
    server.on("*", Reply(status=500, body=f"key {KEY} is bad".encode()))
    client = infrai.InfraiClient(KEY, base_url=server.url, max_retries=0, polling=FAST)
    with pytest.raises(infrai.ServerError) as caught:
        client.account.balance()
    error = caught.value
    assert "is bad" in str(error.details)
    assert KEY not in f"{error} {error!r} {error.details} {error.__dict__} {error.__cause__!r}"


def error_classes() -> list[type[infrai.InfraiError]]:
    values = (getattr(infrai, name) for name in dir(infrai) if name[0].isupper() and name.endswith("Error"))
    return [value for value in values if isinstance(value, type) and issubclass(value, infrai.InfraiError)]


def test_an_error_class_is_found_by_its_module_and_name() -> None:
    from importlib import import_module

    assert len(error_classes()) == 20
    for kind in error_classes():
        assert kind.__module__ == "infrai"
        assert getattr(import_module(kind.__module__), kind.__name__) is kind
        error = kind("no", code="X", hint="do")
        other = pickle.loads(pickle.dumps(error))
        assert type(other) is kind and str(other) == str(error)


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no limit of file descriptors to set")
@pytest.mark.parametrize("kind", ["InfraiClient", "AsyncInfraiClient"])
def test_errors_need_no_file_descriptor(server: ScriptedServer, script, kind: str) -> None:  # type: ignore[no-untyped-def]
    server.job("running")
    code = """
    import asyncio, infrai, resource
    run = asyncio.new_event_loop().run_until_complete if KIND == "AsyncInfraiClient" else lambda value: value
    client = getattr(infrai, KIND)(KEY, base_url=URL, max_retries=0)
    # The runtime and the event loop have descriptors of their own.
    run(client.video.status("vid_1"))
    client = getattr(infrai, KIND)(KEY, base_url=URL, max_retries=0)
    job = infrai.VideoJob(job_id="vid_1") if KIND == "InfraiClient" else infrai.AsyncVideoJob(job_id="vid_1")
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    for call in (
        lambda: client.video.status(""),
        lambda: client.video.wait("vid_1", timeout=0.1),
        lambda: client.account.balance(),
        lambda: client.video.download("vid_1", "kite.mp4"),
        lambda: job.wait(),
    ):
        try:
            run(call())
        except infrai.InfraiError as error:
            print(type(error).__name__)
    """
    names = script(code, KIND=kind).stdout.split()
    assert names == [
        "InvalidRequestError",
        "WaitTimeoutError",
        "ConnectionError",
        "ConfigurationError",
        "ConfigurationError",
    ]
