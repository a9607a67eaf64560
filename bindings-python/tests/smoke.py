"""Tries an installed wheel without anything else: one call blocking and one awaited, over a real connection."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import infrai

KEY = "ifr_pk_proj_0123456789abcdefghijklmnWXYZ"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert self.headers["authorization"] == f"Bearer {KEY}"
        body = json.dumps({"ok": True, "data": {"job_id": "vid_1", "state": "succeeded"}}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
assert infrai.InfraiClient(KEY, base_url=url).video.wait("vid_1").done
assert asyncio.run(infrai.AsyncInfraiClient(KEY, base_url=url).video.status("vid_1")).state == "succeeded"
print(f"infrai {infrai.__version__} works")
