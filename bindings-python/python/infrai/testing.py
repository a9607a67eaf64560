"""Local sandbox of the Infrai API for tests: HTTP, accounts, a wallet, and jobs that render an MP4.

It needs no account and no network, and fails on demand. The command ``infrai`` serves it: the package ``infrai-cli``
installs that command, and ``INFRAI_CLI`` names another one. ``infrai sandbox --help`` is its manual.

>>> from infrai.testing import Sandbox
>>> with Sandbox(faults=["POST /v1/video/generate: status=503 times=2"]) as sandbox:
...     job = sandbox.client.video.generate("a paper boat", duration_seconds=1).wait()
...     assert [request["status"] for request in sandbox.requests()][1:4] == [503, 503, 200]

Code that makes its own client, such as an application under test, finds the sandbox through the environment::

    monkeypatch.setenv("INFRAI_BASE_URL", sandbox.url)
    monkeypatch.setenv("INFRAI_API_KEY", sandbox.api_key)

Such a client polls at the application's pace, so that a wait takes a second or two. One that gets ``sandbox.client`` does
not wait for a pause.

With pytest, ``pytest_plugins = ["infrai.testing"]`` in the top ``conftest.py`` defines the fixture ``infrai_sandbox``, a
sandbox for one test, and the mark ``infrai_faults``::

    @pytest.mark.infrai_faults("POST /v1/video/generate: job=fail times=1")
    def test_a_failed_job_is_reported(infrai_sandbox):
        with pytest.raises(infrai.JobFailedError):
            infrai_sandbox.client.video.generate("a boat", duration_seconds=1).wait()

``from infrai.testing import infrai_sandbox`` in a test module defines the fixture there alone. Then name the mark
among pytest's ``markers``, or pass faults with ``parametrize("infrai_sandbox", [...], indirect=True)``, which runs the
test once per fault.

Faults are texts ``[METHOD] PATH: EFFECT…``; ``*`` in the path stands for any characters. The first one in force that
applies to a request is used. Routes under ``/sandbox/`` never meet one. Effects:

===================== ==========================================================================================
``status=503``        Responds with this status (200 to 599) without processing the request.
``code=VENDOR_DOWN``  The error code of ``status`` or ``job``. Default: the status's usual one.
``retry-after=1``     Adds ``Retry-After`` in seconds, to the fault's response or the real one.
``delay=200ms``       Waits first (``ms`` or ``s``, at most 600 s).
``drop=before``       Closes the connection before the request is processed.
``drop=after``        Processes the request, then closes the connection without a response.
``cut=100``           Sends this many bytes of the response's body, then closes the connection.
``job=fail``          Accepts the job of ``POST /v1/video/generate``, which then fails and is refunded.
``times=2``           Applies to this many requests. Default: to every one.
``probability=0.3``   Applies to a request with this chance, from a generator that ``--seed`` seeds.
===================== ==========================================================================================

Examples::

    POST /v1/video/generate: status=503 times=2                 an outage that ends
    GET /v1/video/jobs/*: status=429 retry-after=1 times=3      a rate limit
    POST /v1/video/generate: job=fail code=VENDOR_DOWN times=1  an accepted job that fails later
    POST /v1/video/generate: drop=after times=1                 a charged call whose response is lost
    GET /files/*: cut=10000 times=1                             an interrupted download

Models: the jobs of ``sandbox/default`` succeed, those of ``sandbox/fail`` fail and are refunded, those of
``sandbox/slow`` run for the time of ``--slow`` (30 s), and those of ``sandbox/stuck`` run until they are cancelled. The
vendor ``sandbox`` renders every resolution, ``sandbox-lite`` has no 4k.

Money: an account starts with $2.00. A second of video costs $0.01 to $0.32 by resolution and ``prefer``, and a job that
fails or is cancelled is refunded. A 4k video of 60 seconds is more than the account has, which is a 402.

Routes for tests, beside those of the API, under ``Sandbox.url``: ``GET /sandbox/requests``, ``GET /sandbox/ledger``,
``POST /sandbox/credit``, ``POST /sandbox/topups/{id}/pay`` and ``/sandbox/faults`` (methods of ``Sandbox`` call them),
``GET /openapi.json``, and the payment page of a top-up, which is its ``next_action_url``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from functools import partial
from pathlib import Path

from ._async_client import AsyncInfraiClient
from ._client import InfraiClient
from ._errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from threading import Thread
    from typing import IO, Any

    from typing_extensions import Unpack

    from ._types import ClientOptions

    # A pytest fixture, created at its first use: nothing else here needs pytest.
    def infrai_sandbox() -> Iterator[Sandbox]:
        """Sandbox for one test, with the faults of its mark ``infrai_faults``."""
        ...


# The sandbox renders a job in milliseconds and serves one client.
_FAST: ClientOptions = {
    "polling": {
        "min_interval": 0.02,
        "max_interval": 0.1,
        "expected_duration": 0.2,
        "max_requests_per_second": 1000.0,
    },
    "retry_base": 0.02,
}


def find_command() -> str:
    """Returns the path of the command ``infrai``: ``INFRAI_CLI``, else the one that the package ``infrai-cli`` installed
    beside this interpreter, else the first on the ``PATH``.

    Raises:
        ConfigurationError: The command was not found.
    """
    configured = os.environ.get("INFRAI_CLI")
    if configured:
        return configured
    name = "infrai.exe" if sys.platform == "win32" else "infrai"
    beside = Path(sysconfig.get_path("scripts")) / name
    found = str(beside) if beside.is_file() else shutil.which("infrai")
    if found is None:
        raise ConfigurationError(
            "the command infrai, which carries the sandbox, was not found",
            code="CONFIGURATION_INVALID",
            hint="Install infrai-cli, or name the command with INFRAI_CLI.",
        )
    return found


class Sandbox:
    """Sandbox on a free port of this machine, with its own account. A context manager.

    Args:
        faults: A fault, or several: ``["POST /v1/video/generate: status=503 retry-after=1 times=2"]``. The module's
            documentation has every word of one. Default: none.
        options: Further options of ``infrai sandbox``, such as ``["--rate-limit", "20/s"]``.
        command: Path of the command. Default: that of ``find_command``.
        startup_timeout: Limit of the start, in seconds. Default: 30.

    Attributes:
        url (str): Base URL.
        api_key (str): Key of the account, which has the trial credit.
        client (InfraiClient): Client of the account, as ``new_client()`` returns one.

    Raises:
        ConfigurationError: The command is missing or does not start, or a fault or an option is invalid.
    """

    url: str
    api_key: str
    client: InfraiClient

    def __init__(
        self,
        *,
        faults: str | Sequence[str] = (),
        options: Sequence[str] = (),
        command: str | os.PathLike[str] | None = None,
        startup_timeout: float = 30,
    ) -> None:
        faults = [faults] if isinstance(faults, str) else faults
        self._options = [*(word for fault in faults for word in ("--fault", fault)), *options]
        self._command = command
        self._startup_timeout = startup_timeout
        self._process: subprocess.Popen[str] | None = None
        self._readers: list[Thread] = []

    def start(self) -> Sandbox:
        """Starts the sandbox, as entering the context does."""
        command = os.fspath(self._command) if self._command is not None else find_command()
        fixed = ["sandbox", "--json", "--temporary", "--exit-with-parent", "--port", "0"]
        process = subprocess.Popen(
            [command, *fixed, *self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._process = process
        try:
            self.url = json.loads(self._first_line(process))["url"]
            activated = InfraiClient(base_url=self.url).activate(write_credentials=False)
            self.api_key = activated.primary_api_key
            self.client = self.new_client()
        except BaseException:
            self.stop()
            raise
        return self

    def _first_line(self, process: subprocess.Popen[str]) -> str:
        stdout, stderr = process.stdout, process.stderr
        assert stdout is not None and stderr is not None
        lines: list[str] = []
        self._run(lambda: lines.append(stdout.readline())).join(self._startup_timeout)
        if lines and lines[0]:
            # A full pipe would block the child.
            for stream in (stdout, stderr):
                self._run(partial(_discard, stream))
            return lines[0]
        process.kill()
        with stderr:
            message, hint = _failure(stderr.read().strip())
        self._run(partial(_discard, stdout))
        raise ConfigurationError(
            f"the sandbox did not start: {message}", code="CONFIGURATION_INVALID", hint=hint
        )

    def _run(self, work: Callable[[], object]) -> Thread:
        from threading import Thread

        thread = Thread(target=work, daemon=True)
        thread.start()
        self._readers.append(thread)
        return thread

    def stop(self) -> None:
        """Stops the sandbox and removes its data, as leaving the context does."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for reader in self._readers:
            reader.join(10)

    def new_client(self, **options: Unpack[ClientOptions]) -> InfraiClient:
        """Returns another client of the account.

        >>> client = sandbox.new_client(max_retries=0, timeout=5)

        Args:
            **options: Options of ``InfraiClient``. Default: polls and retries after at most 0.1 s, so that a test does
                not wait for a pause. ``polling={}`` polls as the application does.
        """
        return InfraiClient(self.api_key, **self._client_options(options))

    def async_client(self, **options: Unpack[ClientOptions]) -> AsyncInfraiClient:
        """Returns an async client of the account; the options are those of ``new_client``."""
        return AsyncInfraiClient(self.api_key, **self._client_options(options))

    def _client_options(self, options: ClientOptions) -> ClientOptions:
        return {"base_url": self.url, **_FAST, **options}

    def add_fault(self, fault: str) -> None:
        """Adds a fault after those in force: ``POST /sandbox/faults``.

        >>> sandbox.add_fault("GET /v1/video/jobs/*: status=429 retry-after=1 times=1")

        Raises:
            InvalidRequestError: The fault is invalid. The message says what is expected.
        """
        self.client.request("POST", "/sandbox/faults", {"fault": fault})

    def clear_faults(self) -> None:
        """Removes all faults: ``DELETE /sandbox/faults``."""
        self.client.request("DELETE", "/sandbox/faults")

    def add_credit(self, usd: float) -> float:
        """Adds credit to the account and returns the new balance in US dollars: ``POST /sandbox/credit``.

        Args:
            usd: Amount in US dollars, above 0 and at most 10000.

        Raises:
            InvalidRequestError: The amount is out of range.
        """
        return self._balance(self.client.request("POST", "/sandbox/credit", {"amount_usd": usd}).data)

    def pay(self, topup: str | Mapping[str, Any]) -> float:
        """Pays a top-up, as the button of its payment page does, and returns the new balance in US dollars. A paid one
        stays as it is: ``POST /sandbox/topups/{id}/pay``.

        >>> sandbox.pay(sandbox.client.account.topup(20))

        Args:
            topup: The top-up that ``account.topup`` returned, or its id.

        Raises:
            NotFoundError: The account has no such top-up.
        """
        from urllib.parse import quote

        id = topup if isinstance(topup, str) else topup["topup_id"]
        return self._balance(self.client.request("POST", f"/sandbox/topups/{quote(id, safe='')}/pay").data)

    @staticmethod
    def _balance(paid: Mapping[str, float]) -> float:
        return paid["balance_usd"]

    def requests(self) -> list[dict[str, Any]]:
        """Returns the last 1000 requests, oldest first, without those to ``/sandbox/…``: ``GET /sandbox/requests``.

        The first one is the activation of the account. Each has ``at`` (time), ``method``, ``path``, ``status`` (``None``
        for a dropped connection), ``latency_ms``, ``request_id``, ``idempotency_key`` and the ``fault`` that it met.
        """
        requests = self.client.request("GET", "/sandbox/requests").data["requests"]
        return [request for request in requests if not request["path"].startswith("/sandbox/")]

    def ledger(self) -> list[dict[str, Any]]:
        """Returns the entries of the account's ledger, oldest first: ``GET /sandbox/ledger``.

        Each has ``seq``, ``kind`` (``"trial"``, ``"topup"``, ``"charge"``, ``"refund"``), ``reference`` (the job, the
        top-up or the account), ``amount_usd`` (negative for a charge), ``balance_micros`` and ``created_at``.
        """
        entries: list[dict[str, Any]] = []
        while True:
            after = entries[-1]["seq"] if entries else 0
            page = self.client.request("GET", "/sandbox/ledger", query={"after": after}).data
            entries += page["entries"]
            if not page["entries"] or len(entries) >= page["count"]:
                return entries

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"Sandbox(url={getattr(self, 'url', None)!r})"


def _failure(output: str) -> tuple[str, str]:
    """Returns message and remedy of a sandbox that ended: its error is a line of JSON."""
    try:
        error = json.loads(output.splitlines()[-1])
        return error["message"], error["hint"]
    except (IndexError, KeyError, TypeError, ValueError):
        return output or "it said nothing", "Run `infrai sandbox` in a shell to see why."


def _discard(stream: IO[str]) -> None:
    with stream:
        for _ in stream:
            pass


if not TYPE_CHECKING:

    def pytest_configure(config):
        """Registers the mark with pytest, which calls this for a plugin."""
        config.addinivalue_line(
            "markers",
            "infrai_faults(*faults): faults of the test's infrai_sandbox, such as "
            "'POST /v1/video/generate: status=503 times=2'",
        )

    def __dir__():
        # Pytest looks for the fixtures of a plugin here.
        return [*globals(), "infrai_sandbox"]

    def __getattr__(name):
        if name != "infrai_sandbox":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import pytest

        @pytest.fixture
        def infrai_sandbox(request):
            """Sandbox for one test, with the faults of its mark ``infrai_faults``."""
            faults = [fault for mark in request.node.iter_markers("infrai_faults") for fault in mark.args]
            param = getattr(request, "param", ())
            faults += [param] if isinstance(param, str) else param
            with Sandbox(faults=faults) as sandbox:
                yield sandbox

        globals()[name] = infrai_sandbox
        return infrai_sandbox
