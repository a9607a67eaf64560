"""Worker for downloads of a job's file: `download.py infrai URL`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import perf_counter, process_time

from infrai import InfraiClient

from worker import ID, KEY, Command, serve


def opened(url: str) -> Callable[[Command], Command]:
    client = InfraiClient(KEY, base_url=url)
    client.video.status(ID)

    def run(command: Command) -> Command:
        begun, cpu = perf_counter(), process_time()
        saved = client.video.download(f"file-{command['bytes']}", command["path"], overwrite=True)
        return {"bytes": saved.bytes, "seconds": perf_counter() - begun, "cpu": process_time() - cpu}

    return run


if __name__ == "__main__":
    _, _, url = sys.argv
    serve(lambda: opened(url))
