"""Output of the package during calls: updates, progress, hooks, key functions, logs."""

from __future__ import annotations

import io
import logging
import re
import sys
import threading
from pathlib import Path
from typing import Any

import infrai
import pytest
from conftest import FAST, KEY
from scripted import Reply, ScriptedServer


@pytest.mark.core
def test_updates_come_in_order_on_the_callers_thread_and_may_call_again(
    server: ScriptedServer, client: infrai.InfraiClient
) -> None:
    server.job("queued", "running", "running", "succeeded")
    server.on("GET /v1/account/balance", {"balance_usd": 1})
    seen: list[Any] = []

    def on_update(job: infrai.VideoJob) -> None:
        seen.append((job.state, client.account.balance().balance_usd, threading.current_thread()))

    assert client.video.wait("vid_1", on_update=on_update).done
    here = threading.current_thread()
    assert seen == [("queued", 1, here), ("running", 1, here), ("succeeded", 1, here)]


@pytest.mark.core
def test_an_update_that_raises_ends_the_wait_with_that_exception(
    server: ScriptedServer, client: infrai.InfraiClient
) -> None:
    server.job("queued", "running", "succeeded")

    def on_update(job: infrai.VideoJob) -> None:
        if job.state == "running":
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        client.video.wait("vid_1", on_update=on_update)
    assert client.video.wait("vid_1").done


def test_a_slow_update_holds_up_nobody_else(server: ScriptedServer, client: infrai.InfraiClient) -> None:
    server.job("running", "succeeded")
    server.on("GET /v1/account/balance", {"balance_usd": 1})
    entered, leave = threading.Event(), threading.Event()

    def on_update(_job: infrai.VideoJob) -> None:
        entered.set()
        assert leave.wait(20)

    waiting = threading.Thread(target=lambda: client.video.wait("vid_1", on_update=on_update))
    waiting.start()
    assert entered.wait(10)
    for _ in range(5):
        assert client.account.balance().balance_usd == 1
    leave.set()
    waiting.join(20)
    assert not waiting.is_alive()


@pytest.mark.core
def test_progress_of_a_download_is_told(
    server: ScriptedServer, client: infrai.InfraiClient, tmp_path: Path
) -> None:
    server.job("succeeded", video_url=f"{server.url}/file")
    server.on("GET /file", Reply(body=b"x" * 300_000))
    told: list[tuple[int, int | None]] = []
    client.video.download("vid_1", tmp_path / "v.mp4", on_progress=lambda *so_far: told.append(so_far))
    assert told[-1] == (300_000, 300_000) and told == sorted(told)
    with pytest.raises(ZeroDivisionError):
        client.video.download("vid_1", tmp_path / "w.mp4", on_progress=lambda *_: 1 // 0)
    assert not list(tmp_path.glob("*w.mp4*")), "no half a file is left"


def test_lines_show_the_progress_where_tqdm_is_not_installed(
    server: ScriptedServer,
    client: infrai.InfraiClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    file = f"{server.url}/file"
    states = [
        {"state": "queued"},
        {"state": "running", "progress": 0.5},
        {"state": "succeeded", "video_url": file},
    ]
    server.on("GET /v1/video/jobs/vid_1", *({"job_id": "vid_1", **state} for state in states))
    server.on("GET /file", Reply(body=b"x" * 1000))
    job = client.video.wait("vid_1", progress=True)
    job.download(tmp_path / "v.mp4", progress=True)
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert (
        lines[0] == "vid_1: queued 0%" and "vid_1: running 50%" in lines and "vid_1: succeeded 100%" in lines
    )
    assert lines[-1] == "vid_1: 100%"


def test_tqdm_shows_the_progress_where_it_is_installed(
    server: ScriptedServer, client: infrai.InfraiClient, capsys: Any
) -> None:
    pytest.importorskip("tqdm", reason="tqdm is not there for this interpreter")
    server.job("running", "succeeded", progress=0.5)
    client.video.wait("vid_1", progress=True)
    assert "100%|" in capsys.readouterr().err


# Controls of both sets, a forged line, reordering, separators.
HOSTILE = "j\x1b]0;x\x07\x1b[2J\x9b31m\x7f\r\nFORGED\tline\u202e\u2066\u2028\u2029\ufeff"
ACTING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


@pytest.mark.parametrize("tqdm", [False, True])
def test_progress_prints_no_control_character(
    server: ScriptedServer,
    client: infrai.InfraiClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
    tqdm: bool,
) -> None:
    if tqdm:
        pytest.importorskip("tqdm", reason="tqdm is not there for this interpreter")
    else:
        monkeypatch.setitem(sys.modules, "tqdm", None)
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    states: list[dict[str, Any]] = [
        {"state": HOSTILE},
        {"state": "succeeded", "video_url": f"{server.url}/file"},
    ]
    server.on("*", *({"job_id": HOSTILE, **state} for state in states))
    server.on("GET /file", Reply(body=b"x" * 1000))
    job = client.video.wait(HOSTILE, progress=True)
    job.download(tmp_path / "v.mp4", progress=True)
    said = capsys.readouterr().err
    # The bar itself returns to the start of its line.
    said = said.replace("\r", "") if tqdm else said
    assert "FORGED" in said and not ACTING.search(said), ascii(said)
    assert not any(line.startswith("FORGED") for line in said.splitlines()), ascii(said)


@pytest.mark.core
def test_hooks_see_every_attempt_and_no_key(server: ScriptedServer) -> None:
    server.on(
        "POST /v1/video/generate",
        Reply(status=503, error={"code": "VENDOR_DOWN", "message": "x"}),
        {"job_id": "v", "state": "queued"},
    )
    events: list[tuple[str, Any]] = []
    client = infrai.InfraiClient(
        KEY,
        base_url=server.url,
        retry_base=0.01,
        on_request=lambda event: events.append(("request", event)),
        on_response=lambda event: events.append(("response", event)),
    )
    client.video.generate("a secret prompt")
    requests = [event for kind, event in events if kind == "request"]
    responses = [event for kind, event in events if kind == "response"]
    path = "/v1/video/generate"
    assert requests == [{"method": "POST", "path": path, "attempt": n} for n in (1, 2)]
    assert [(r["status"], r["attempt"], r["request_id"]) for r in responses] == [
        (503, 1, "req-1"),
        (200, 2, "req-1"),
    ]
    assert all(0 < r["latency"] < 60 for r in responses)
    assert KEY not in repr(events) and "secret" not in repr(events)


@pytest.mark.core
def test_a_hook_that_raises_does_not_end_the_call(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("*", {"balance_usd": 1})
    caught: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda raised: caught.append(raised.exc_type))

    def hook(_event: Any) -> None:
        raise ZeroDivisionError

    client = infrai.InfraiClient(KEY, base_url=server.url, on_request=hook)
    assert client.account.balance().balance_usd == 1
    assert caught == [ZeroDivisionError]


def test_hooks_are_called_in_the_event_loop(server: ScriptedServer) -> None:
    import asyncio

    server.on("*", {"balance_usd": 1})
    called_on: list[threading.Thread] = []
    client = infrai.AsyncInfraiClient(
        KEY, base_url=server.url, on_response=lambda _: called_on.append(threading.current_thread())
    )

    async def main() -> None:
        await client.account.balance()
        await asyncio.sleep(0.05)

    asyncio.run(main())
    assert called_on == [threading.main_thread()]


@pytest.mark.core
def test_a_key_function_is_asked_on_the_callers_thread(server: ScriptedServer) -> None:
    refused = Reply(status=401, error={"code": "UNAUTHORIZED", "message": "old"})
    server.on("GET /v1/account/balance", refused, {"balance_usd": 1})
    asked_on: list[threading.Thread] = []
    keys = iter(["ifr_pk_proj_old", "ifr_pk_proj_new", "ifr_pk_proj_more"])

    def key() -> str:
        asked_on.append(threading.current_thread())
        return next(keys)

    client = infrai.InfraiClient(key, base_url=server.url)
    client.account.balance()
    client.account.balance()
    sent = [request.headers["authorization"].removeprefix("Bearer ") for request in server.requests]
    assert sent == ["ifr_pk_proj_old", "ifr_pk_proj_new", "ifr_pk_proj_more"]
    assert set(asked_on) == {threading.current_thread()}


@pytest.mark.parametrize("running", [False, True], ids=["no loop", "inside a loop"])
def test_a_blocking_client_takes_an_async_key_function(server: ScriptedServer, running: bool) -> None:
    import asyncio

    server.on("*", {"balance_usd": 1})

    async def key() -> str:
        await asyncio.sleep(0.01)
        return KEY

    client = infrai.InfraiClient(key, base_url=server.url)

    async def inside() -> float:
        return client.account.balance().balance_usd

    assert (asyncio.run(inside()) if running else client.account.balance().balance_usd) == 1
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.core
@pytest.mark.parametrize(
    ("given", "said"),
    [(7, "it returned a value of type int"), ("", "empty"), ("a b", "got another one at position 2")],
)
def test_a_key_function_that_gives_no_key_is_told_so(server: ScriptedServer, given: Any, said: str) -> None:
    client = infrai.InfraiClient(lambda: given, base_url=server.url)
    with pytest.raises(infrai.ConfigurationError, match=said):
        client.account.balance()
    assert server.requests == []


def test_what_a_key_function_raises_comes_out_as_itself(server: ScriptedServer) -> None:
    def broken() -> str:
        raise ZeroDivisionError("no key today")

    client = infrai.InfraiClient(broken, base_url=server.url)
    with pytest.raises(ZeroDivisionError, match="no key today"):
        client.account.balance()
    with pytest.raises(ZeroDivisionError, match="no key today"):
        client.video.wait("vid_1")


def test_a_key_function_is_asked_while_the_reader_of_many_is_elsewhere(server: ScriptedServer) -> None:
    server.on("POST /v1/video/generate", {"job_id": "vid_1", "state": "queued"})
    server.job("succeeded")
    asked: list[threading.Thread] = []

    def key() -> str:
        asked.append(threading.current_thread())
        return KEY

    client = infrai.InfraiClient(key, base_url=server.url, polling=FAST)
    many = client.video.generate_many(["x"] * 20, concurrency=1)
    next(many)
    # The loop's body takes its time, and the other jobs go on meanwhile.
    server.wait_for(30)
    assert len(list(many)) == 19


@pytest.mark.core
def test_logs_go_to_the_logger_infrai_with_their_fields(
    server: ScriptedServer, client: infrai.InfraiClient, caplog: pytest.LogCaptureFixture
) -> None:
    server.on(
        "GET /v1/account/balance",
        Reply(status=503, error={"code": "VENDOR_DOWN", "message": "x"}),
        {"balance_usd": 1},
    )
    with caplog.at_level(logging.DEBUG, logger="infrai"):
        client.account.balance()
    records = [record for record in caplog.records if record.name == "infrai"]
    answered = next(record for record in records if record.getMessage().startswith("answered"))
    fields = answered.infrai  # type: ignore[attr-defined]
    assert (fields["method"], fields["route"], fields["attempt"], fields["status"]) == (
        "GET",
        "/v1/account/balance",
        2,
        200,
    )
    assert "route=/v1/account/balance" in answered.getMessage() and fields["latency_ms"] > 0
    assert any(record.getMessage().startswith("retrying") for record in records)
    assert KEY not in caplog.text


@pytest.mark.core
def test_a_log_record_is_one_line_whatever_the_server_says(
    server: ScriptedServer, client: infrai.InfraiClient, caplog: pytest.LogCaptureFixture
) -> None:
    error = {"code": HOSTILE, "message": HOSTILE, "request_id": HOSTILE}
    server.on("*", Reply(status=503, error=error), {"balance_usd": HOSTILE}, Reply(status=400, error=error))
    with caplog.at_level(logging.DEBUG, logger="infrai"), pytest.raises(infrai.InfraiError):
        client.account.balance()
    with caplog.at_level(logging.DEBUG, logger="infrai"), pytest.raises(infrai.InfraiError):
        client.video.status(HOSTILE)
    records = [record for record in caplog.records if record.name == "infrai"]
    assert any("FORGED" in record.getMessage() for record in records)
    for record in records:
        fields = record.infrai  # type: ignore[attr-defined]
        for text in [record.getMessage(), *(str(value) for value in fields.values())]:
            assert "\n" not in text and not ACTING.search(text), ascii(text)


@pytest.mark.core
def test_nothing_is_logged_unless_it_is_wanted(
    server: ScriptedServer, client: infrai.InfraiClient, caplog: pytest.LogCaptureFixture
) -> None:
    server.on("*", {"balance_usd": 1})
    with caplog.at_level(logging.WARNING, logger="infrai"):
        client.account.balance()
    assert [record for record in caplog.records if record.name == "infrai"] == []


def test_a_log_handler_that_calls_the_package_does_not_deadlock(
    server: ScriptedServer, client: infrai.InfraiClient
) -> None:
    server.on("*", {"balance_usd": 1})
    logger = logging.getLogger("infrai")
    handled: list[str] = []

    class Calling(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not handled:
                handled.append(record.getMessage())
                client.account.balance()

    handler = Calling()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        threads = [threading.Thread(target=client.account.balance) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)
        assert handled
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


def test_awaited_calls_log_too(server: ScriptedServer, async_client: infrai.AsyncInfraiClient) -> None:
    import asyncio

    server.on("*", {"balance_usd": 1})
    logger, stream = logging.getLogger("infrai"), io.StringIO()
    handler = logging.StreamHandler(stream)
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        asyncio.run(async_client_balance(async_client))
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert "answered method=GET route=/v1/account/balance" in stream.getvalue()


async def async_client_balance(client: infrai.AsyncInfraiClient) -> None:
    await client.account.balance()


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no POSIX signals")
@pytest.mark.parametrize("where", ["hook", "log handler"])
def test_ctrl_c_inside_what_is_told_ends_the_call(server: ScriptedServer, script: Any, where: str) -> None:
    server.on("GET /v1/account/balance", {"balance_usd": 1})
    code = """
        import infrai, logging, os, signal
        def told(_):
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(1000): pass
        if HOOK:
            client = infrai.InfraiClient(KEY, base_url=URL, on_request=told)
        else:
            client = infrai.InfraiClient(KEY, base_url=URL)
            logger = logging.getLogger("infrai")
            logger.setLevel(logging.DEBUG)
            logger.addFilter(told)
        try:
            client.account.balance()
        except KeyboardInterrupt:
            print("ended")
        """
    assert script(code, HOOK=where == "hook").stdout == "ended\n"


def test_what_a_key_function_raises_is_the_cause_of_an_items_error(server: ScriptedServer) -> None:
    def key() -> str:
        raise LookupError("no key today")

    client = infrai.InfraiClient(key, base_url=server.url)
    ((index, error),) = client.video.generate_many(["a kite"])
    assert index == 0 and isinstance(error, infrai.ConfigurationError)
    assert isinstance(error.__cause__, LookupError)


def test_ctrl_c_in_a_key_function_ends_many(server: ScriptedServer) -> None:
    def key() -> str:
        raise KeyboardInterrupt

    client = infrai.InfraiClient(key, base_url=server.url)
    with pytest.raises(KeyboardInterrupt):
        list(client.video.generate_many(["a kite"]))


def test_the_job_of_a_failed_download_has_its_client(
    server: ScriptedServer, client: infrai.InfraiClient, tmp_path: Path
) -> None:
    server.job("running", "succeeded")
    with pytest.raises(infrai.InvalidRequestError) as caught:
        client.video.download("vid_1", tmp_path / "v.mp4")
    assert caught.value.job is not None
    assert caught.value.job.wait().state == "succeeded"


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no POSIX signals")
def test_ctrl_c_ends_the_collecting_of_prompts_without_end(server: ScriptedServer, script: Any) -> None:
    code = """
        import infrai, itertools, operator, signal
        # Not without end, and refused then, so that a failure does not take all the memory.
        prompts = itertools.repeat(7, 30_000_000)
        client = infrai.InfraiClient(KEY, base_url=URL)
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            client.video.generate_many(prompts)
        except KeyboardInterrupt:
            print("ended", operator.length_hint(prompts) > 0)
        """
    assert script(code).stdout == "ended True\n"
    assert server.requests == []


@pytest.mark.parametrize("kind", [infrai.InfraiClient, infrai.AsyncInfraiClient])
@pytest.mark.parametrize("setting", ["api_key", "on_request", "on_response"])
def test_a_client_that_its_function_refers_to_is_collected(kind: Any, setting: str) -> None:
    import gc
    import weakref

    def make() -> tuple[Any, Any]:
        def function(*_: object) -> str:
            return str(client)

        client = kind(**{setting: function})
        return weakref.ref(client), weakref.ref(function)

    client, function = make()
    gc.collect()
    assert client() is None and function() is None


def test_a_derived_client_keeps_the_functions_of_the_one_it_came_from(server: ScriptedServer) -> None:
    server.on("*", {"balance_usd": 1})
    told: list[Any] = []
    client = infrai.InfraiClient(
        lambda: KEY, base_url=server.url, on_request=lambda event: told.append(event)
    )
    client = client.with_options(timeout=30)
    assert client.account.balance().balance_usd == 1
    assert len(told) == 1
    assert infrai.InfraiClient(lambda: KEY, base_url=server.url).account.balance().balance_usd == 1


def test_a_hook_that_raises_is_reported_as_itself(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("*", {"balance_usd": 1})
    about: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda raised: about.append(repr(raised.object)))

    def my_hook(_event: Any) -> None:
        raise ZeroDivisionError

    infrai.InfraiClient(KEY, base_url=server.url, on_request=my_hook).account.balance()
    assert len(about) == 1 and "my_hook" in about[0]


@pytest.mark.parametrize("kind", [infrai.InfraiClient, infrai.AsyncInfraiClient])
@pytest.mark.parametrize("hook", ["on_request", "on_response"])
def test_an_async_hook_is_refused_by_name(kind: Any, hook: str) -> None:
    async def function(_event: object) -> None: ...

    class Callable:
        async def __call__(self, _event: object) -> None: ...

    for given in (function, Callable()):
        with pytest.raises(
            infrai.InvalidRequestError, match=f"^invalid `{hook}`: expected a function that is not async"
        ):
            kind(**{hook: given})
