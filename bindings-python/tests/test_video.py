"""The blocking calls and what they give."""

from __future__ import annotations

import collections
import copy
import json
import os
import pickle
import types
from pathlib import Path

import infrai
import pytest
from conftest import KEY
from infrai import account, ai, infra
from scripted import Reply, ScriptedServer

pytestmark = pytest.mark.core


def test_generate_sends_what_the_spec_documents(server: ScriptedServer, client: infrai.InfraiClient) -> None:
    server.on("POST /v1/video/generate", {"job_id": "vid_1", "state": "queued"})
    job = client.video.generate(
        "日落", duration_seconds=5, aspect="9:16", model="m", vendor="v", idempotency_key="k1"
    )
    request = server.requests[0]
    assert (
        request.body
        == (
            '{"aspect":"9:16","duration_seconds":5,"model":"m","prefer":"balanced","prompt":"日落",'
            '"resolution":"720p","vendor":"v"}\n'
        ).encode()
    )
    assert request.headers["idempotency-key"] == "k1"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["user-agent"].startswith(f"infrai-python/{infrai.__version__} (core/")
    assert (job.job_id, job["state"], job.get("job_id")) == ("vid_1", "queued", "vid_1")
    assert job["_metadata"] == {"cost_usd": 0.25, "request_id": "req-1"}


def test_a_job_keeps_its_cost_and_the_client_its_sum(
    server: ScriptedServer, client: infrai.InfraiClient
) -> None:
    server.on("POST /v1/video/generate", {"job_id": "vid_1", "state": "queued"})
    job = client.video.generate("x", idempotency_key="k1")
    assert job.cost_usd == job["cost_usd"] == 0.25 and job.refunded_usd is None
    assert client.video.generate("x", idempotency_key="k1").cost_usd == 0.25
    assert client.spent_usd == client.with_options(timeout=5).spent_usd == 0.25
    server.job("failed", refunded_usd=0.25)
    assert client.video.status(job).cost_usd == 0.25
    assert client.video.status(job).refunded_usd == 0.25
    client.close()
    assert client.spent_usd == 0
    assert pickle.loads(pickle.dumps(job)).cost_usd == 0.25


def test_a_stored_job_brings_its_cost(server: ScriptedServer, client: infrai.InfraiClient) -> None:
    server.job("succeeded")
    stored = json.loads(json.dumps(infrai.VideoJob(job_id="vid_1", state="running", cost_usd=0.5)))
    assert client.video.wait(stored).cost_usd == 0.5
    assert client.spent_usd == 0


def test_a_job_is_a_dict_whose_fields_are_attributes(
    server: ScriptedServer, client: infrai.InfraiClient
) -> None:
    server.job("running", progress=0.5, wait="a field", odd=[1, {"a": None}])
    job = client.video.status(id="vid_1")
    assert isinstance(job, dict)
    assert job.progress == 0.5
    assert job.odd == [1, {"a": None}]
    assert job.video_url is None and "video_url" not in job
    assert callable(job.wait) and job["wait"] == "a field"
    assert not job.done
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = job.nothing_like_it
    assert {"job_id", "odd", "video_url", "wait"} <= set(dir(job))
    assert json.loads(json.dumps(job)) == dict(job)


def test_a_job_is_waited_for_cancelled_and_downloaded_with_the_client_that_made_it(
    server: ScriptedServer, client: infrai.InfraiClient, tmp_path: Path
) -> None:
    server.on("POST /v1/video/generate", {"job_id": "vid_1", "state": "queued"})
    server.job("running", "succeeded", video_url=f"{server.url}/file")
    server.on("GET /file", Reply(body=b"x" * 1000))
    server.on("POST /v1/video/jobs/vid_1/cancel", {"ok": False})
    done = client.video.generate("a kite").wait()
    assert done.done and done.state == "succeeded"
    saved = done.download(tmp_path / "kite.mp4")
    assert saved.path == tmp_path / "kite.mp4" and saved.bytes == 1000 and saved.job.job_id == "vid_1"
    assert Path(saved).read_bytes() == b"x" * 1000
    assert done.cancel().ok is False
    with pytest.raises(infrai.InvalidRequestError, match="FILE_EXISTS"):
        done.download(tmp_path / "kite.mp4")
    assert done.download(str(tmp_path / "kite.mp4"), overwrite=True).bytes == 1000


@pytest.mark.parametrize(
    "copied",
    [
        lambda job: pickle.loads(pickle.dumps(job)),
        copy.copy,
        copy.deepcopy,
        lambda job: job.copy(),
        lambda job: infrai.VideoJob(json.loads(json.dumps(job))),
    ],
    ids=["pickle", "copy", "deepcopy", "dict.copy", "json"],
)
def test_a_copied_job_is_equal_and_carries_no_client_and_no_key(
    server: ScriptedServer, client: infrai.InfraiClient, copied
) -> None:
    server.job("running")
    job = client.video.status("vid_1")
    assert KEY.encode() not in pickle.dumps(job)
    other = copied(job)
    assert type(other) is infrai.VideoJob and other == job
    with pytest.raises(infrai.ConfigurationError) as caught:
        other.wait()
    assert caught.value.hint == "Use client.video with its job_id instead."
    server.job("succeeded")
    assert client.video.wait(other).state == "succeeded"


def test_a_notebook_shows_the_playing_video_once_done_and_the_state_before() -> None:
    running = infrai.VideoJob(job_id="vid_<1>", state="running", progress=0.25)
    assert running._repr_html_() == "<div><code>vid_&lt;1&gt;</code> <b>running</b> 25%</div>"
    done = infrai.VideoJob(
        job_id="v", state="succeeded", video_url="https://h/v.mp4?a=1&b=2", thumbnail_url="https://h/t.png"
    )
    html = done._repr_html_()
    assert html.startswith('<video src="https://h/v.mp4?a=1&amp;b=2" poster="https://h/t.png" controls')


def test_the_default_client_is_shared_and_replaced_by_configure(
    server: ScriptedServer, default: None
) -> None:
    server.on("*", {"job_id": "vid_1", "state": "queued", "ok": True, "balance_usd": 1.5, "topup_id": "t"})
    job = ai.video.generate("a kite")
    assert ai.video.cancel(id=job.job_id).get("ok") is True
    assert account.balance().balance_usd == 1.5
    assert account.topup(5).topup_id == "t"
    infrai.configure("ifr_pk_proj_another", base_url=server.url)
    ai.video.status("vid_1")
    job.cancel()
    keys = [request.headers["authorization"] for request in server.requests]
    assert keys == [f"Bearer {KEY}"] * 4 + ["Bearer ifr_pk_proj_another", f"Bearer {KEY}"]


def test_status_and_cancel_take_a_job_as_well_as_its_id(
    server: ScriptedServer, client: infrai.InfraiClient
) -> None:
    server.on("*", {"job_id": "vid_1", "state": "running", "ok": True})
    job = client.video.status(id="vid_1")
    assert client.video.status(job).state == "running"
    assert client.video.status(dict(job)).state == "running"
    assert client.video.cancel(job).ok
    assert client.video.cancel(id=job).ok
    paths = [request.path for request in server.requests]
    assert paths == ["/v1/video/jobs/vid_1"] * 3 + ["/v1/video/jobs/vid_1/cancel"] * 2


def test_activation_has_attributes_and_ok_and_shows_no_key(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infrai import _default

    _default._clients.clear()
    monkeypatch.setenv("INFRAI_BASE_URL", server.url)
    server.on(
        "POST /v1/activate",
        {"account_id": "acc_1", "project_id": "p", "primary_api_key": KEY, "trial_credit_usd": 2},
    )
    server.on("GET /v1/account/balance", {"balance_usd": 2, "currency": "USD"})
    result = infra.activate()
    assert result.ok and result.account_id == "acc_1" and result["trial_credit_usd"] == 2
    assert result.primary_api_key == KEY
    assert KEY not in repr(result) and KEY not in str(result) and "ifr_pk_proj_…WXYZ" in repr(result)
    assert result.credentials_file == Path.home() / ".infrai" / "credentials"
    assert result.credentials_file.read_text().count(KEY) == 1
    assert not result.reused and infra.activate().reused
    assert account.balance().currency == "USD"
    assert infrai.InfraiClient().account.balance().balance_usd == 2
    assert [request.headers.get("authorization") for request in server.requests] == [
        None,
        f"Bearer {KEY}",
        f"Bearer {KEY}",
    ]
    _default._clients.clear()


def test_a_missing_key_is_an_error_of_the_first_call_that_says_what_to_do() -> None:
    client = infrai.InfraiClient()
    with pytest.raises(infrai.AuthenticationError, match="INFRAI_API_KEY") as caught:
        client.account.balance()
    assert caught.value.code == "API_KEY_MISSING"


def test_request_reaches_any_route(server: ScriptedServer, client: infrai.InfraiClient) -> None:
    server.on("*", Reply({"models": ["m"]}, status=201))
    answer = client.request(
        "post",
        "/v1/models",
        {"b": [1, 2.5, None, True], "a": "é"},
        query={"q": "x y", "n": 1, "no": None, "l": ["a", "b"]},
    )
    assert server.requests[0].path == "/v1/models?q=x+y&n=1&l=a&l=b"
    assert server.requests[0].body == '{"a":"é","b":[1,2.5,null,true]}\n'.encode()
    assert (answer.status, answer.data, answer["models"], answer.get("nothing")) == (
        201,
        {"models": ["m"]},
        ["m"],
        None,
    )
    assert answer["_metadata"]["cost_usd"] == answer.metadata["cost_usd"] == 0.25
    client.request("GET", "/v1/models", query=[("a", 1.0), ("b", False)])
    assert server.requests[1].path == "/v1/models?a=1&b=false" and server.requests[1].body == b""
    client.request("POST", "/v1/models", None)
    assert server.requests[2].body == b"null\n"


def test_with_options_changes_the_calls_made_through_it(
    server: ScriptedServer, client: infrai.InfraiClient
) -> None:
    server.on("*", Reply(status=503, error={"code": "VENDOR_DOWN", "message": "down"}))
    hurried = client.with_options(max_retries=0, headers={"x-trace": "1"})
    with pytest.raises(infrai.ServerError) as caught:
        hurried.account.balance()
    assert caught.value.attempts == 1 and server.requests[0].headers["x-trace"] == "1"
    with pytest.raises(infrai.ServerError) as caught:
        client.account.balance()
    assert caught.value.attempts == 3 and "x-trace" not in server.requests[1].headers
    both = hurried.with_options(headers={"x-more": "2"})
    with pytest.raises(infrai.ServerError):
        both.account.balance()
    assert (server.requests[-1].headers["x-trace"], server.requests[-1].headers["x-more"]) == ("1", "2")


def test_a_client_shows_where_it_calls_and_never_its_key(
    client: infrai.InfraiClient, server: ScriptedServer
) -> None:
    assert repr(client) == f"<InfraiClient base_url={server.url}/ api_key=ifr_pk_proj_…WXYZ>"


def test_a_closed_client_opens_new_connections(server: ScriptedServer, client: infrai.InfraiClient) -> None:
    server.job("running")
    for _ in range(3):
        assert client.video.status("vid_1").state == "running"
        client.close()


def test_a_connection_that_the_server_closed_between_calls_is_not_used(
    server: ScriptedServer, client: infrai.InfraiClient
) -> None:
    server.on("GET /v1/account/balance", Reply({"balance_usd": 1}, close=False))
    hasty = client.with_options(max_retries=0)
    for _ in range(20):
        hasty.account.balance()
    server.on("GET /v1/account/balance", Reply({"balance_usd": 1}, headers={"x": "y"}, close=True))
    for _ in range(20):
        hasty.account.balance()


def test_threads_call_side_by_side(server: ScriptedServer, client: infrai.InfraiClient) -> None:
    from concurrent.futures import ThreadPoolExecutor

    server.on("GET /v1/account/balance", Reply({"balance_usd": 1}, delay=0.2))
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: client.account.balance().balance_usd, range(64)))
    assert found == [1] * 64


def test_a_servers_field_is_never_taken_for_the_client() -> None:
    for kind in (infrai.VideoJob, infrai.AsyncVideoJob):
        job = kind(job_id="vid_1", state="running", _client="theirs")
        with pytest.raises(infrai.ConfigurationError, match="no client"):
            job._require_client()
        assert job["_client"] == "theirs"


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"video_url": "https://h/v.mp4"}, "<div><code></code> <b></b></div>"),
        ({"video_url": "https://h/v.mp4", "state": None}, "<div><code></code> <b>None</b></div>"),
        ({}, "<div><code></code> <b></b></div>"),
    ],
)
def test_a_notebook_shows_a_job_without_its_state(fields: dict[str, object], shown: str) -> None:
    assert infrai.VideoJob(fields)._repr_html_() == shown


def test_a_job_may_be_any_mapping(server: ScriptedServer, client: infrai.InfraiClient) -> None:
    server.job("succeeded")
    job = types.MappingProxyType({"job_id": "vid_1", "state": "running"})
    chained = collections.ChainMap({"state": "running"}, {"job_id": "vid_1"})
    for mapping in (job, chained, collections.UserDict(job_id="vid_1")):
        assert client.video.status(mapping).done
        assert client.video.wait(mapping, progress=True).done
    assert [seen.state for seen in client.video.watch(job)] == ["running", "succeeded"]


def test_a_response_can_be_searched_and_gone_through(
    server: ScriptedServer, client: infrai.InfraiClient
) -> None:
    server.on("GET /v1/dict", {"a": 1, "b": 2})
    server.on("GET /v1/list", Reply(["x", "y", "z"]))
    server.on("GET /v1/null", Reply(None))
    of_dict, of_list, of_null = (client.request("GET", f"/v1/{kind}") for kind in ("dict", "list", "null"))
    assert "a" in of_dict and "c" not in of_dict and "_metadata" in of_dict
    assert (list(of_dict), len(of_dict), dict(of_dict.data)) == (["a", "b"], 2, {"a": 1, "b": 2})
    assert "x" in of_list and "q" not in of_list and list(of_list) == ["x", "y", "z"] and len(of_list) == 3
    for use in (list, len, lambda response: "a" in response):
        with pytest.raises(TypeError, match="this response's data is None, which has no items"):
            use(of_null)
    assert of_null and "_metadata" in of_null


def test_a_downloads_path_is_resolved_when_the_call_begins(
    server: ScriptedServer, client: infrai.InfraiClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    server.job("succeeded", video_url=f"{server.url}/file")
    server.on("GET /file", Reply(body=b"x" * 1000))

    def leave(*_: object) -> None:
        os.chdir(tmp_path / "elsewhere")

    saved = client.video.download("vid_1", Path("kite.mp4"), on_progress=leave)
    assert saved.path == tmp_path / "kite.mp4" and saved.path.read_bytes() == b"x" * 1000


def test_a_path_that_is_none_is_refused_by_name(client: infrai.InfraiClient, tmp_path: Path) -> None:
    class Broken:
        def __fspath__(self) -> str:
            raise RuntimeError("no path")

    for path in ("", 7, None, Broken()):
        with pytest.raises(infrai.InvalidRequestError, match=r"^invalid `path`"):
            client.video.download({"job_id": "vid_1", "video_url": "https://x/v.mp4"}, path)  # type: ignore[arg-type]
