"""Shared fixtures: a scripted server, clients for it, and an environment without the caller's settings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import infrai
import pytest
from infrai.testing import Sandbox, find_command
from scripted import ScriptedServer

HERE = Path(__file__).parent
KEY = "ifr_pk_proj_0123456789abcdefghijklmnWXYZ"
FAST = {
    "min_interval": 0.01,
    "max_interval": 0.02,
    "expected_duration": 0.1,
    "max_requests_per_second": 1000.0,
}


# Opening lines of scripts in processes of their own.
CLIENT = """
import infrai, os, sys, threading, time, signal
client = infrai.InfraiClient(KEY, base_url=URL, retry_base=0.01, polling=FAST)
"""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key, no setting, no proxy and no home of the caller's."""
    home = tmp_path / "home"
    home.mkdir()
    for name in list(os.environ):
        if (name.startswith("INFRAI_") and name != "INFRAI_CLI") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.stop()


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[infrai.InfraiClient]:
    with infrai.InfraiClient(KEY, base_url=server.url, retry_base=0.01, polling=FAST) as client:
        yield client


@pytest.fixture
def async_client(server: ScriptedServer) -> infrai.AsyncInfraiClient:
    return infrai.AsyncInfraiClient(KEY, base_url=server.url, retry_base=0.01, polling=FAST)


@pytest.fixture
def default(server: ScriptedServer) -> Iterator[None]:
    """The default client, for the scripted server."""
    from infrai import _default

    infrai.configure(KEY, base_url=server.url, retry_base=0.01, polling=FAST)
    yield
    _default._clients.clear()


Script = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def script(server: ScriptedServer) -> Script:
    """Runs Python code in a process of its own, with a time limit; `URL` and `KEY` are there."""

    def run(
        code: str, *, limit: float = 60, check: bool = True, **names: object
    ) -> subprocess.CompletedProcess[str]:
        given = {"URL": server.url, "KEY": KEY, "FAST": FAST, **names}
        prelude = "".join(f"{name} = {value!r}\n" for name, value in given.items())
        done = subprocess.run(
            [sys.executable, "-c", prelude + textwrap.dedent(code)],
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


def command_or_none() -> str | None:
    try:
        return find_command()
    except infrai.ConfigurationError:
        return None


needs_sandbox = pytest.mark.skipif(
    command_or_none() is None,
    reason="the command infrai, which carries the sandbox, is not there (INFRAI_CLI)",
)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


def have(program: str) -> bool:
    return shutil.which(program) is not None
