"""Bad input is refused before anything is sent, by name."""

from __future__ import annotations

import asyncio
import enum
import functools
import math
import operator
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import infrai
import pytest
from conftest import KEY
from scripted import ScriptedServer

pytestmark = pytest.mark.core


class Size(str, enum.Enum):
    BIG = "1080p"


class Seven:
    """An integer of another library."""

    def __index__(self) -> int:
        return 7


async def told(*_: object, more: int = 0) -> None:
    pass


class Told:
    async def __call__(self, _job: object) -> None:
        pass


def looped() -> list[Any]:
    items: list[Any] = []
    items.append(items)
    return items


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda c: c.video.generate(""), "prompt"),
        (lambda c: c.video.generate("  \n"), "prompt"),
        (lambda c: c.video.generate(None), "prompt"),
        (lambda c: c.video.generate(b"bytes"), "prompt"),
        (lambda c: c.video.generate("a \ud800 b"), "prompt"),
        (lambda c: c.video.generate("x", vendor="\udfff"), "vendor"),
        (lambda c: c.video.generate("x", duration_seconds=0), "duration_seconds"),
        (lambda c: c.video.generate("x", duration_seconds=math.nan), "duration_seconds"),
        (lambda c: c.video.generate("x", duration_seconds=math.inf), "duration_seconds"),
        (lambda c: c.video.generate("x", duration_seconds="5"), "duration_seconds"),
        (lambda c: c.video.generate("x", duration_seconds=True), "duration_seconds"),
        (lambda c: c.video.generate("x", reference_image_url="ftp://h/x"), "reference_image_url"),
        (lambda c: c.video.generate("x", idempotency_key="a b"), "idempotency_key"),
        (lambda c: c.video.generate("x", idempotency_key=""), "idempotency_key"),
        (lambda c: c.video.status(""), "id"),
        (lambda c: c.video.status(".."), "id"),
        (lambda c: c.video.status(7), "id"),
        (lambda c: c.video.status({"state": "running"}), "id"),
        (lambda c: c.video.wait(None, progress=True), "id"),
        (lambda c: c.video.wait({"state": "running"}, progress=True), "id"),
        (lambda c: c.video.wait("v", on_update=told), "on_update"),
        (lambda c: c.video.wait("v", on_update=functools.partial(told, more=1)), "on_update"),
        (lambda c: c.video.wait("v", on_update=Told()), "on_update"),
        (lambda c: c.video.wait("v", on_update=7), "on_update"),
        (lambda c: c.video.download("v", "p", on_progress=told), "on_progress"),
        (lambda c: c.video.download(None, "p", progress=True), "id"),
        (lambda c: c.video.wait("v", timeout=-1), "timeout"),
        (lambda c: c.video.wait("v", timeout="soon"), "timeout"),
        (lambda c: c.video.wait("v", cancel_on_timeout="yes"), "cancel_on_timeout"),
        (lambda c: c.video.download("v", 7), "path"),
        (lambda c: c.video.download("v", "p", timeout=-1), "timeout"),
        (lambda c: c.video.download("v", "p", timeout="soon"), "timeout"),
        (lambda c: c.video.download_stream("v", timeout=math.nan), "timeout"),
        (lambda c: c.video.generate_many("one text"), "prompts"),
        (lambda c: c.video.generate_many(["x", 7]), "prompts[1]"),
        (lambda c: c.video.generate_many([{"prompt": "x", "vendor": "\ud800"}]), "prompts[0].vendor"),
        (lambda c: c.video.generate_many(["x"], keys=["a", "b"]), "keys"),
        (lambda c: c.video.generate_many(["x"], keys=[1]), "keys[0]"),
        (lambda c: c.video.generate_many(["x"], concurrency=-1), "concurrency"),
        (lambda c: c.account.topup(-5), "amount_usd"),
        (lambda c: c.account.topup("20"), "amount_usd"),
        (lambda c: c.request("FETCH", "/v1/x"), "method"),
        (lambda c: c.request("GET", "v1/x"), "path"),
        (lambda c: c.request("GET", "/v1/../x"), "path"),
        (lambda c: c.request("GET", "/v1/x", {}), "body"),
        (lambda c: c.request("POST", "/v1/x", {"a": [1, {"b": math.nan}]}), "body.a[1].b"),
        (lambda c: c.request("POST", "/v1/x", {"a": "\ud800"}), "body.a"),
        (lambda c: c.request("POST", "/v1/x", {"n": 2**64}), "body.n"),
        (lambda c: c.request("POST", "/v1/x", {"n": -(2**63) - 1}), "body.n"),
        (lambda c: c.request("POST", "/v1/x", {"n": 10**5000}), "body.n"),
        (lambda c: c.request("POST", "/v1/x", {"s": {1, 2}}), "body.s"),
        (lambda c: c.request("POST", "/v1/x", {"b": b"x"}), "body.b"),
        (lambda c: c.request("POST", "/v1/x", {"a": {7: "x"}}), "body.a: its key 7"),
        (lambda c: c.request("POST", "/v1/x", {"\ud800": 1}), "body: its key '\\ud800'"),
        (lambda c: c.request("POST", "/v1/x", looped()), "body" + "[0]" * 129),
        (lambda c: c.request("GET", "/v1/x", query={"q": object()}), "query.q"),
        (lambda c: c.request("GET", "/v1/x", query={"q": {"a": 1}}), "query.q"),
        (lambda c: c.request("GET", "/v1/x", query=["pair"]), "query"),
        (lambda c: c.with_options(timeout=0), "timeout"),
        (lambda c: c.with_options(max_retries=1.5), "max_retries"),
        (lambda c: c.with_options(max_retries=-1), "max_retries"),
    ],
)
def test_is_refused_by_name_and_nothing_is_sent(
    server: ScriptedServer, client: infrai.InfraiClient, call: Any, field: str
) -> None:
    with pytest.raises(infrai.InvalidRequestError) as caught:
        call(client)
    error = caught.value
    assert error.code == "INVALID_ARGUMENT"
    assert error.details["field"] == field
    assert set(error.details) == {"field", "got", "expected"}
    assert str(error).startswith(f"invalid `{field}`: expected ")
    assert (error.attempts, error.may_have_been_processed, error.status) == (0, False, None)
    str(error).encode()
    assert server.requests == []


def test_a_prompt_of_many_may_be_any_mapping(server: ScriptedServer, client: infrai.InfraiClient) -> None:
    server.on("POST /v1/video/generate", {"job_id": "vid_1", "state": "succeeded"})
    prompts: list[Mapping[str, object]] = [MappingProxyType({"prompt": "x", "aspect": "1:1"})]
    assert [index for index, _job in client.video.generate_many(prompts)] == [0]
    assert server.requests[0].json["aspect"] == "1:1"


@pytest.mark.parametrize(
    ("item", "problem", "field"),
    [
        ({"aspect": "1:1"}, "missing", "prompts[0].prompt"),
        ({"prompt": "x", "aspct": "1:1"}, "unknown", "prompts[0].aspct"),
    ],
)
def test_an_option_that_is_missing_or_unknown_is_named_and_nothing_is_sent(
    server: ScriptedServer, client: infrai.InfraiClient, item: Any, problem: str, field: str
) -> None:
    with pytest.raises(infrai.InvalidRequestError) as caught:
        client.video.generate_many([item])
    error = caught.value
    assert error.code == "INVALID_ARGUMENT"
    assert error.details == {"field": field}
    assert str(error).startswith(f"{problem} option `{field}`")
    assert (error.attempts, error.may_have_been_processed, error.status) == (0, False, None)
    assert server.requests == []


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "not a url"},
        {"timeout": 0},
        {"timeout": -1},
        {"max_retries": "2"},
        {"polling": {"request_cost": 0}},
        {"polling": {"prize": 1}},
        {"default_headers": {"authorization": "x"}},
        {"default_headers": {"x": "a\nb"}},
        {"default_headers": [("x", "a")]},
        {"default_headers": "x: a"},
        {"polling": 5},
        {"proxy": "socks5://127.0.0.1:9"},
        {"on_request": 7},
        {"user_agent_suffix": "é"},
        {"allow_insecure_http": "yes"},
    ],
)
def test_a_setting_that_can_never_work_is_refused_at_once(settings: dict[str, Any]) -> None:
    with pytest.raises(infrai.InfraiError) as caught:
        client = infrai.InfraiClient(KEY, **settings)
        client.account.balance()
    assert caught.value.kind in ("configuration", "invalid_request")
    assert caught.value.attempts == 0


def test_a_key_that_cannot_be_sent_is_refused_without_being_repeated() -> None:
    for key in ("ifr_pk_proj_secretsecret\n", "ifr_pk_proj_secret\ud800", 7, 7355608 * 10**20):
        with pytest.raises(infrai.InfraiError) as caught:
            infrai.InfraiClient(key).account.balance()  # type: ignore[arg-type]
        assert "secret" not in str(caught.value) and "secret" not in str(caught.value.details)
        assert "7355608" not in str(caught.value) and "7355608" not in str(caught.value.details)


def test_a_key_goes_over_plain_http_to_this_machine_alone() -> None:
    with pytest.raises(infrai.ConfigurationError) as caught:
        infrai.InfraiClient(KEY, base_url="http://192.0.2.1").account.balance()
    assert caught.value.code == "INSECURE_HTTP"


def test_an_empty_argument_counts_as_not_given(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("*", {"balance_usd": 1})
    monkeypatch.setenv("INFRAI_API_KEY", KEY)
    monkeypatch.setenv("INFRAI_BASE_URL", server.url)
    monkeypatch.setenv("INFRAI_PROFILE", "")
    assert (
        infrai.InfraiClient("", base_url="", profile="", proxy="", ca_file="").account.balance().balance_usd
        == 1
    )


def test_values_that_say_what_they_are_are_taken(server: ScriptedServer, client: infrai.InfraiClient) -> None:
    server.on("*", {"job_id": "v", "state": "queued"})
    client.video.generate("x", resolution=Size.BIG, duration_seconds=Seven())  # type: ignore[arg-type]
    assert server.requests[0].json == {
        "prompt": "x",
        "resolution": "1080p",
        "prefer": "balanced",
        "duration_seconds": 7,
    }
    client.request(
        "POST", "/v1/x", {"i": Seven(), "t": (1, 2), "big": 2**64 - 1, "small": -(2**63), "f": 5.0}
    )
    assert (
        server.requests[1].body
        == b'{"big":18446744073709551615,"f":5,"i":7,"small":-9223372036854775808,"t":[1,2]}\n'
    )


def test_unknown_values_are_the_servers_business(server: ScriptedServer, client: infrai.InfraiClient) -> None:
    server.on("*", {"job_id": "v", "state": "queued"})
    client.video.generate("x", aspect="21:9", resolution="8k", prefer="newest")
    assert server.requests[0].json == {
        "prompt": "x",
        "aspect": "21:9",
        "resolution": "8k",
        "prefer": "newest",
    }
    with pytest.raises(TypeError, match="unexpected keyword"):
        client.video.generate("x", lens="wide")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("call", "wrong", "right"),
    [
        ("video.generate", "duration", "duration_seconds"),
        ("video.generate", "aspect_ratio", "aspect"),
        ("video.wait", "timeout_seconds", "timeout"),
        ("video.download", "overwrites", "overwrite"),
        ("account.topup", "idempotency", "idempotency_key"),
        ("activate", "profile_name", "profile"),
    ],
)
def test_unknown_keyword_suggests_the_nearest(
    client: infrai.InfraiClient, async_client: infrai.AsyncInfraiClient, call: str, wrong: str, right: str
) -> None:
    meant = rf"{call.rsplit('.')[-1]}\(\) got an unexpected keyword argument '{wrong}': .* did you mean `{right}`\?"
    with pytest.raises(TypeError, match=meant):
        operator.attrgetter(call)(client)(**{wrong: 5})
    with pytest.raises(TypeError, match=meant):
        asyncio.run(operator.attrgetter(call)(async_client)(**{wrong: 5}))


def test_type_errors_within_a_call_stay_unchanged(
    server: ScriptedServer, client: infrai.InfraiClient
) -> None:
    server.job("running")

    def fail(job: object) -> None:
        raise TypeError("mine")

    with pytest.raises(TypeError, match=r"^mine$"):
        client.video.wait("vid_1", on_update=fail)


def test_a_refused_call_shows_no_progress(client: infrai.InfraiClient, capsys: Any) -> None:
    with pytest.raises(infrai.InvalidRequestError):
        client.video.wait(None, progress=True)  # type: ignore[arg-type]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("headers", "field"), [(7, "headers"), ("x", "headers"), (["x"], "headers"), ({"x": 7}, "headers.x")]
)
def test_headers_of_some_calls_are_refused_by_name(
    client: infrai.InfraiClient, headers: Any, field: str
) -> None:
    with pytest.raises(infrai.InvalidRequestError) as caught:
        client.with_options(headers=headers)
    assert str(caught.value).startswith(f"invalid `{field}`: expected")


def test_a_dict_that_changes_while_it_is_read_is_sent_as_it_was(
    server: ScriptedServer, client: infrai.InfraiClient
) -> None:
    class Changes:
        def __index__(self) -> int:
            body[f"new {len(body)}"] = 1
            return 3

    body: dict[str, Any] = {"a": Changes(), "b": 2}
    server.on("*", {})
    client.request("POST", "/v1/x", body)
    assert server.requests[0].body == b'{"a":3,"b":2}\n'


@pytest.mark.parametrize("make", [infrai.InfraiClient, infrai.AsyncInfraiClient, infrai.configure])
def test_an_unknown_option_is_refused_by_name(make: Any) -> None:
    with pytest.raises(infrai.ConfigurationError, match="timeuot"):
        make(KEY, timeuot=30)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems require file names in Unicode")
def test_a_file_name_need_not_be_unicode(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    path.write_text(f'[default]\napi_key = "{KEY}"\n')
    path.chmod(0o600)
    client = infrai.InfraiClient(credentials_file=path)
    assert "ifr_pk_proj_…" in repr(client)
    with pytest.raises(infrai.ConfigurationError, match="`ca_file`"):
        infrai.InfraiClient(ca_file=7)  # type: ignore[arg-type]


def test_a_path_is_no_text(client: infrai.InfraiClient) -> None:
    with pytest.raises(infrai.InvalidRequestError, match="`prompt`"):
        client.video.generate(Path("kite.txt"))  # type: ignore[arg-type]
