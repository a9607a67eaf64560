#!/usr/bin/env python3
"""A server of jobs that end at once, for thousands of items: it spoils three of ten requests, and its ledger survives SIGKILL.

server.py LEDGER PORT SEED [PRICE]

Prints its URL. The ledger has one line per charge: the idempotency key, and the job that the key stands for.
"""

from __future__ import annotations

import json
import random
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

VIDEO = b"\0\0\0\x20ftypisom" + b"v" * 3000


class Ledger:
    def __init__(self, path: Path) -> None:
        self.lock = threading.Lock()
        whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
        self.jobs: dict[str, str] = dict(line.split() for line in whole.decode().splitlines())
        self.file = path.open("a")

    def job(self, key: str) -> str:
        """Returns the job of a key, charged once."""
        with self.lock:
            if key not in self.jobs:
                job = f"vid_{len(self.jobs)}"
                self.file.write(f"{key} {job}\n")
                self.file.flush()
                self.jobs[key] = job
            return self.jobs[key]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ledger: Ledger
    chance: random.Random
    price: float

    def log_message(self, *_: object) -> None:
        pass

    def send(self, status: int, body: bytes, cut: bool = False, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

    def answer(self, data: Any, cut: bool, cost: float = 0) -> None:
        envelope = {"ok": True, "data": data, "error": None, "metadata": {"cost_usd": cost, "request_id": "r"}}
        self.send(200, json.dumps(envelope).encode(), cut)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.chance.random()
        if fault < 0.1:
            error = {"code": "VENDOR_DOWN", "message": "spoilt"}
            self.send(503, json.dumps({"ok": False, "data": None, "error": error, "metadata": {}}).encode())
        elif fault < 0.15:
            self.close_connection = True
        else:
            job = self.ledger.job(self.headers["Idempotency-Key"])
            if fault < 0.2:
                # Processed, without a response.
                self.close_connection = True
            else:
                self.answer({"job_id": job, "state": "queued"}, fault < 0.3, self.price)

    def do_GET(self) -> None:
        fault = self.chance.random()
        if fault < 0.1:
            self.send(503, b"{}")
        elif fault < 0.2:
            self.close_connection = True
        elif self.path.startswith("/files/"):
            self.send(200, VIDEO, fault < 0.3, "video/mp4")
        else:
            job, host = self.path.rsplit("/", 1)[1], self.headers["Host"]
            url = f"http://{host}/files/{job}.mp4"
            self.answer({"job_id": job, "state": "succeeded", "cost_usd": self.price, "video_url": url}, fault < 0.3)


def main() -> None:
    ledger, port, seed, *price = sys.argv[1:]
    Handler.ledger, Handler.chance = Ledger(Path(ledger)), random.Random(int(seed))
    Handler.price = float(price[0]) if price else 0.02
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
    server.daemon_threads = True
    print(json.dumps({"url": f"http://127.0.0.1:{server.server_address[1]}"}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
