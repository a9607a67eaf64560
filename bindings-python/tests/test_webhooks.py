"""Webhooks: arguments, events and refusals in Python, and a receiver of the sandbox's deliveries."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue
from typing import Any

import infrai
import pytest
from infrai import webhooks
from infrai.testing import Sandbox

SECRET = "whsec_test"
BODY = b'{"id":"evt_1","type":"video.done","data":{"job_id":"vid_1","state":"succeeded"},"more":[1]}'


def sign(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@contextmanager
def receiver(receive: Callable[[dict[str, str], bytes], int]) -> Iterator[str]:
    """A server that hands the headers and the body of each delivery to a function, which returns the status."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(receive(headers, body))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/webhooks/infrai"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.core
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, bytes.decode])
def test_a_body_is_bytes_or_text(kind: Callable[[bytes], Any]) -> None:
    event = webhooks.verify(kind(BODY), sign(BODY).encode(), SECRET.encode())
    assert (event.id, event["type"], event.created) == ("evt_1", "video.done", None)
    assert isinstance(event.job, infrai.VideoJob)
    assert event.job.job_id == "vid_1" and event.job.done
    assert event.raw["more"] == [1]
    assert pickle.loads(pickle.dumps(event)) == event
    assert json.loads(json.dumps(event))["job"]["state"] == "succeeded"


@pytest.mark.core
@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("body", ({"id": "evt_1"}, "0" * 64, SECRET)),
        ("body", (None, "0" * 64, SECRET)),
        ("body", ("\ud800", "0" * 64, SECRET)),
        ("header", (BODY, 5, SECRET)),
        ("secret", (BODY, "0" * 64, None)),
        ("secret", (BODY, "0" * 64, ["whsec_hidden"])),
    ],
)
def test_another_type_is_refused_without_its_value(field: str, arguments: Any) -> None:
    with pytest.raises(infrai.InvalidRequestError) as caught:
        webhooks.verify(*arguments)
    assert caught.value.details["field"] == field
    assert "hidden" not in str(caught.value) + repr(caught.value.details)


@pytest.mark.core
def test_a_refusal_has_its_class_and_reason_and_no_secret() -> None:
    for header, reason in ((None, "signature_missing"), (sign(BODY, "other"), "signature_mismatch")):
        with pytest.raises(infrai.WebhookVerificationError) as caught:
            webhooks.verify(BODY, header, SECRET)
        error = caught.value
        assert (error.kind, error.code) == ("webhook_verification", "WEBHOOK_VERIFICATION_FAILED")
        assert error.details == {"reason": reason}
        assert SECRET not in repr(error) and sign(BODY) not in repr(error)
        assert type(pickle.loads(pickle.dumps(error))) is infrai.WebhookVerificationError


@pytest.mark.core
def test_seen_events_tell_the_new_from_the_known() -> None:
    seen = webhooks.SeenEvents(capacity=2, ttl=60)
    assert [seen.add(id) for id in ("a", "b", "a", "c", "a")] == [True, True, False, True, True]
    seen.remove("c")
    assert seen.add("c")
    with pytest.raises(infrai.InvalidRequestError):
        seen.add(None)  # type: ignore[arg-type]
    with pytest.raises(infrai.InvalidRequestError):
        webhooks.SeenEvents(capacity=True)


@pytest.mark.core
def test_one_of_many_threads_adds_an_event() -> None:
    seen, added = webhooks.SeenEvents(), []
    threads = [threading.Thread(target=lambda: added.append(seen.add("evt_1"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert added.count(True) == 1


def test_the_sandbox_delivers_what_verify_accepts() -> None:
    deliveries: Queue[tuple[str, bytes]] = Queue()
    # The first delivery fails, and is repeated with the same id.
    answers = [503]

    def receive(headers: dict[str, str], body: bytes) -> int:
        deliveries.put((headers["x-infrai-signature"], body))
        return answers.pop() if answers else 204

    with Sandbox() as sandbox, receiver(receive) as url:
        webhook = {"url": url, "events": ["video.queued", "video.succeeded"], "secret": SECRET}
        registered = sandbox.client.request("POST", "/v1/account/webhooks/register", webhook)
        assert registered["url"] == url
        job = sandbox.client.video.generate("a paper boat", duration_seconds=1)
        seen, types = webhooks.SeenEvents(), []
        while "video.succeeded" not in types:
            header, body = deliveries.get(timeout=60)
            event = webhooks.verify(body, header, SECRET)
            assert event.job is not None and event.job.job_id == job.job_id
            assert event.id is not None
            if seen.add(event.id):
                types.append(event.type)
        assert types == ["video.queued", "video.succeeded"]
        assert event.job is not None and event.job.video_url
        assert sandbox.client.video.status(event.job).state == "succeeded"


def test_the_fastapi_receiver_handles_each_event_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("fastapi", reason="FastAPI is not there for this interpreter")
    import runpy
    from pathlib import Path

    example = Path(__file__).parents[2] / "examples" / "python" / "webhook_fastapi.py"
    with Sandbox() as sandbox:
        monkeypatch.setenv("INFRAI_WEBHOOK_SECRET", SECRET)
        monkeypatch.setenv("INFRAI_API_KEY", sandbox.api_key)
        monkeypatch.setenv("INFRAI_BASE_URL", sandbox.url)
        module = runpy.run_path(str(example))

        async def post(headers: dict[str, str], body: bytes) -> int:
            """One request to the application, as a server makes it."""
            sent: list[dict[str, Any]] = []

            async def receive() -> dict[str, Any]:
                return {"type": "http.request", "body": body, "more_body": False}

            async def send(message: dict[str, Any]) -> None:
                sent.append(message)

            raw = [(name.encode(), value.encode()) for name, value in headers.items()]
            scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST"}
            scope |= {"scheme": "http", "path": "/webhooks/infrai", "raw_path": b"", "query_string": b""}
            scope |= {
                "root_path": "",
                "headers": raw,
                "server": ("127.0.0.1", 80),
                "client": ("127.0.0.1", 1),
            }
            await module["app"](scope, receive, send)
            return int(sent[0]["status"])

        done = threading.Event()

        async def main(headers: dict[str, str], body: bytes) -> list[int]:
            forged = await post(headers, body + b" ")
            return [forged, await post(headers, body), await post(headers, body)]

        def deliver(headers: dict[str, str], body: bytes) -> int:
            statuses.append(asyncio.run(main(headers, body)))
            done.set()
            return 204

        statuses: list[list[int]] = []
        with receiver(deliver) as url:
            asyncio.run(module["register"](url, SECRET))
            sandbox.client.video.generate("a paper boat", duration_seconds=1, model="sandbox/stuck")
            assert done.wait(60)
    assert statuses[0] == [400, 204, 204]
    said = capsys.readouterr().out
    assert "WEBHOOK_VERIFICATION_FAILED" in said
    assert said.count("video.queued vid_") == 1
