"""A worker of the money section that makes its calls with the Python package: a spec comes in, a line of JSON a call goes out."""

from __future__ import annotations

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import infrai

AT_ONCE = 8
lock = threading.Lock()


def failure(error: infrai.InfraiError) -> dict[str, Any]:
    return {
        "kind": error.kind,
        "code": error.code,
        "attempts": error.attempts,
        "key": error.idempotency_key,
        "may_have_been_processed": error.may_have_been_processed,
    }


def call(client: infrai.InfraiClient, number: int, planned: dict[str, Any]) -> None:
    made: dict[str, Any] = {"number": number, "job": None, "error": None, "cancelled": None}
    try:
        job = client.video.generate(
            planned["prompt"],
            model=planned["model"],
            resolution=planned["resolution"],
            prefer=planned["prefer"],
            duration_seconds=planned["duration_ms"] / 1000,
            idempotency_key=planned["key"],
        )
        made["job"] = job["job_id"]
        if planned["cancel"]:
            try:
                made["cancelled"] = {"Ok": client.video.cancel(job)["ok"]}
            except infrai.InfraiError as error:
                made["cancelled"] = {"Err": failure(error)}
    except infrai.InfraiError as error:
        made["error"] = failure(error)
        # While nobody serves, not all calls are to be used up.
        time.sleep(0.06)
    with lock:
        print(json.dumps(made), flush=True)


def main() -> None:
    spec = json.load(sys.stdin)
    client = infrai.InfraiClient(
        spec["key"],
        base_url=spec["url"],
        max_retries=spec["retries"],
        attempt_timeout=spec["attempt_ms"] / 1000,
        timeout=8,
        retry_base=0.02,
        retry_cap=0.2,
    )
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(call, client, number, planned) for number, planned in enumerate(spec["planned"])]:
            done.result()


main()
