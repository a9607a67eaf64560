"""Recipes for frameworks, each under its framework, against the sandbox."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import infrai
import pytest
from conftest import HERE, needs_sandbox
from infrai.testing import Sandbox

pytestmark = needs_sandbox
EXAMPLES = HERE.parent.parent / "examples" / "python"


@pytest.fixture
def environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment of an application that finds the sandbox; its examples are imported anew."""
    monkeypatch.setenv("INFRAI_BASE_URL", sandbox.url)
    monkeypatch.setenv("INFRAI_API_KEY", sandbox.api_key)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    earlier = set(sys.modules)
    yield
    for name in set(sys.modules) - earlier:
        if (EXAMPLES / f"{name}.py").is_file():
            del sys.modules[name]


def example(name: str, framework: str) -> ModuleType:
    pytest.importorskip(framework, reason=f"{framework} is not there for this interpreter")
    return importlib.import_module(name)


async def request(app: Any, method: str, path: str, body: object = None) -> tuple[int, dict[str, str], str]:
    """One request to an ASGI application, as a server makes it: status, headers, body."""
    sent: list[dict[str, Any]] = []
    left = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]

    async def receive() -> dict[str, Any]:
        return left.pop() if left else await asyncio.Event().wait()  # type: ignore[return-value]

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http"}
    scope |= {"method": method}
    scope |= {"path": path, "raw_path": path.encode(), "query_string": b"", "root_path": ""}
    scope |= {"headers": [(b"content-type", b"application/json")], "server": ("x", 80), "client": ("x", 1)}
    await app(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent).decode()


def test_fastapi_streams_the_states_and_leads_to_the_file(environment: None) -> None:
    app = example("fastapi_sse", "fastapi").app

    async def main() -> tuple[list[str], str]:
        status, _, text = await request(app, "POST", "/videos", {"prompt": "a boat"})
        assert status == 202
        job_id = json.loads(text)["id"]
        status, headers, text = await request(app, "GET", f"/videos/{job_id}/events")
        assert (status, headers["content-type"].split(";")[0]) == (200, "text/event-stream")
        states = [json.loads(event.removeprefix("data: "))["state"] for event in text.strip().split("\n\n")]
        status, headers, _ = await request(app, "GET", f"/videos/{job_id}/file")
        assert status == 307
        status, _, text = await request(app, "POST", "/videos", {"prompt": ""})
        assert (status, json.loads(text)["code"]) == (400, "INVALID_ARGUMENT")
        assert (await request(app, "GET", "/videos/vid_unknown/file"))[0] == 404
        return states, headers["location"]

    states, location = asyncio.run(main())
    assert states[-1] == "succeeded"
    # What a browser asks for when somebody moves the slider.
    with urllib.request.urlopen(urllib.request.Request(location, headers={"range": "bytes=4-7"})) as response:
        assert (response.status, response.read()) == (206, b"ftyp")
        assert response.headers["content-type"] == "video/mp4"


def test_celery_makes_one_job_per_task(environment: None, sandbox: Sandbox, tmp_path: Path) -> None:
    celery_task = example("celery_task", "celery")
    testing = importlib.import_module("celery.contrib.testing.worker")
    celery_task.app.conf.update(broker_url="memory://", result_backend="cache+memory://")
    charges = len(charged(sandbox))
    with testing.start_worker(celery_task.app, perform_ping_check=False, shutdown_timeout=30):
        # The client gives up after three attempts, and Celery runs the task again.
        sandbox.add_fault("POST /v1/video/generate: status=503 retry-after=1 times=3")
        path = tmp_path / "boat.mp4"
        # The second one is the same task, delivered again.
        for _ in range(2):
            task = celery_task.make_video.apply_async(("a boat", str(path)), task_id="task-1")
            saved = task.get(timeout=60)
        assert saved == str(path) and path.read_bytes()[4:8] == b"ftyp"
        with pytest.raises(Exception, match="prompt"):
            celery_task.make_video.delay("", str(path)).get(timeout=60)
    assert len(charged(sandbox)) == charges + 1


def charged(sandbox: Sandbox) -> list[object]:
    return [entry for entry in sandbox.ledger() if entry["kind"] == "charge"]


def test_the_django_command_saves_a_video(
    environment: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = example("django_command", "django").Command()
    management = importlib.import_module("django.core.management")
    conf = importlib.import_module("django.conf")
    if not conf.settings.configured:
        conf.settings.configure()
    path = tmp_path / "boat.mp4"
    management.call_command(command, "a boat", str(path), key="django-1")
    assert path.read_bytes()[4:8] == b"ftyp"
    said = capsys.readouterr()
    assert said.out == f"{path}\n"
    assert "succeeded" in said.err
    with pytest.raises(management.CommandError, match="prompt"):
        management.call_command(command, "", str(path))


def test_the_gradio_page_shows_the_progress_and_the_video(
    environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A stand-in: Gradio is 350 MB with its dependencies.
    gradio = ModuleType("gradio")
    gradio.Progress = gradio.Interface = gradio.Slider = lambda *_arguments, **_options: None  # type: ignore[attr-defined]
    gradio.Error = RuntimeError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gradio", gradio)
    page = example("gradio_page", "gradio")
    shown: list[tuple[float, str]] = []
    path = Path(page.make_video("a boat", 1, lambda share, desc: shown.append((share, desc))))
    assert path.read_bytes()[4:8] == b"ftyp"
    assert shown[-1] == (1, "succeeded")
    with pytest.raises(RuntimeError, match="prompt") as refused:
        page.make_video("", 1, lambda *_: None)
    assert isinstance(refused.value.__cause__, infrai.InvalidRequestError)
