"""A small HTTP server that answers as told, keeps every request, and notices who hangs up."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Reply:
    """An answer. `data` goes into an envelope; `body` is sent as it is, and `then` when the server is told to go on."""

    data: Any = None
    status: int = 200
    error: dict[str, Any] | None = None
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0
    hang_up: bool = False
    close: bool = False
    then: bytes = b""

    def bytes(self) -> bytes:
        body = self.body
        if body is None:
            envelope: dict[str, Any] = {"ok": self.error is None, "data": self.data, "error": self.error}
            envelope["metadata"] = {"cost_usd": 0.25, "request_id": "req-1"}
            body = json.dumps(envelope).encode()
        headers = {"content-length": str(len(body)), **self.headers}
        if self.close:
            headers["connection"] = "close"
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} OK\r\n{head}\r\n".encode() + body


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    abandoned: threading.Event = field(default_factory=threading.Event)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ScriptedServer:
    """Routes are "METHOD /path"; each has replies in turn, and the last one is repeated."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self._routes: dict[str, list[Reply]] = defaultdict(list)
        self._tls = tls
        self._arrived = threading.Condition()
        self.go_on = threading.Event()
        self.hung_up = threading.Event()
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True)
        self._thread.start()
        assert started.wait(10)

    async def _serve(self, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, ssl=self._tls, backlog=4096)
        self.port: int = server.sockets[0].getsockname()[1]
        started.set()
        await self._stopped.wait()
        server.close()

    @property
    def url(self) -> str:
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://127.0.0.1:{self.port}"

    def on(self, route: str, *replies: Reply | dict[str, Any]) -> None:
        self._routes[route] = [reply if isinstance(reply, Reply) else Reply(reply) for reply in replies]

    def job(self, *states: str, id: str = "vid_1", **fields: Any) -> None:
        """A job that is in these states one look after the other."""
        self.on(f"GET /v1/video/jobs/{id}", *({"job_id": id, "state": state, **fields} for state in states))

    def count(self, route: str) -> int:
        return sum(f"{request.method} {request.path}" == route for request in self.requests)

    def wait_for(self, count: int, timeout: float = 10) -> list[Request]:
        """The requests, once there are so many."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.requests) >= count, timeout), (
                "too few requests came"
            )
        return self.requests

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # The other side is gone, or the server stops.
            pass
        finally:
            self.hung_up.set()
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = line.split(" ", 2)
        pairs = (line.split(": ", 1) for line in lines if line)
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        request = Request(method, path, headers, body)
        with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()
        replies = (
            self._routes.get(f"{method} {path}")
            or self._routes.get("*")
            or [Reply(status=404, error={"code": "NOT_FOUND", "message": "no such route"})]
        )
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if reply.delay:
            try:
                # A client that hangs up meanwhile is at its end of file.
                await asyncio.wait_for(reader.read(1), reply.delay)
                request.abandoned.set()
                return False
            except asyncio.TimeoutError:
                pass
        if reply.hang_up:
            return False
        writer.write(reply.bytes())
        await writer.drain()
        if reply.then:
            await asyncio.to_thread(self.go_on.wait, 30)
            writer.write(reply.then)
            await writer.drain()
        return not reply.close
