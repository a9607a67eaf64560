"""Local sandbox of the Infrai API for tests: HTTP, accounts, a wallet, and jobs that render an MP4.

>>> from infrai.testing import Sandbox
>>> with Sandbox() as sandbox:
...     job = sandbox.client.video.generate("a paper boat").wait()

With pytest, ``from infrai.testing import infrai_sandbox`` in a test module or a ``conftest.py`` defines a fixture of that
name. The package registers nothing else with pytest.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from ._async_client import AsyncInfraiClient
from ._client import InfraiClient
from ._errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    # A pytest fixture, created at its first import: nothing else here needs pytest.
    def infrai_sandbox() -> Iterator[Sandbox]:
        """Sandbox for one test, with its own client."""
        ...


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
        faults: Faults to inject, such as ``["POST /v1/video/generate: status=503 retry-after=1 times=2"]``.
        options: Further options of ``infrai sandbox``, such as ``["--rate-limit", "20/s"]``.
        command: Path of the command. Default: that of ``find_command``.
        startup_timeout: Limit of the start, in seconds. Default: 30.

    Attributes:
        url (str): Base URL.
        api_key (str): Key of the account, which has the trial credit.
        client (InfraiClient): Client of the account.

    Raises:
        ConfigurationError: The command is missing, or does not start.
    """

    url: str
    api_key: str
    client: InfraiClient

    def __init__(
        self,
        *,
        faults: Sequence[str] = (),
        options: Sequence[str] = (),
        command: str | os.PathLike[str] | None = None,
        startup_timeout: float = 30,
    ) -> None:
        self._options = [*(word for fault in faults for word in ("--fault", fault)), *options]
        self._command = command
        self._startup_timeout = startup_timeout
        self._process: subprocess.Popen[str] | None = None

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
            self.client = InfraiClient(self.api_key, base_url=self.url)
        except BaseException:
            self.stop()
            raise
        return self

    def _first_line(self, process: subprocess.Popen[str]) -> str:
        from threading import Thread

        assert process.stdout is not None and process.stderr is not None
        lines: list[str] = []
        reader = Thread(target=lambda: lines.append(process.stdout.readline()), daemon=True)  # type: ignore[union-attr]
        reader.start()
        reader.join(self._startup_timeout)
        if lines and lines[0]:
            # A full pipe would block the child.
            for stream in (process.stdout, process.stderr):
                Thread(target=_discard, args=(stream,), daemon=True).start()
            return lines[0]
        process.kill()
        output = process.stderr.read().strip()
        raise ConfigurationError(
            f"the sandbox did not start: {output or 'it said nothing'}",
            code="CONFIGURATION_INVALID",
            hint="Run `infrai sandbox` in a shell to see why.",
        )

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

    def async_client(self) -> AsyncInfraiClient:
        """Returns an async client of the account."""
        return AsyncInfraiClient(self.api_key, base_url=self.url)

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"Sandbox(url={getattr(self, 'url', None)!r})"


def _discard(stream: object) -> None:
    for _ in stream:  # type: ignore[attr-defined]
        pass


if not TYPE_CHECKING:

    def __getattr__(name):
        if name != "infrai_sandbox":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import pytest

        @pytest.fixture
        def infrai_sandbox():
            """Sandbox for one test, with its own client."""
            with Sandbox() as sandbox:
                yield sandbox

        globals()[name] = infrai_sandbox
        return infrai_sandbox
