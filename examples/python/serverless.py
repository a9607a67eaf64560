"""Two functions for a serverless platform, here with AWS Lambda's events: one starts a video and returns, the other
resumes it by its id. No function waits, so none is paid for waiting.

    POST /videos {"prompt": "a boat", "request_id": "form-1"}   →  start
    GET  /videos/{id}                                           →  resume
"""

from __future__ import annotations

import json
from typing import Any

from infrai import InfraiClient, InfraiError

# Outside of the handlers: a warm container keeps its connections. The key comes from INFRAI_API_KEY.
client = InfraiClient(timeout=8)


def start(event: dict[str, Any], _context: object) -> dict[str, Any]:
    request = json.loads(event["body"])
    try:
        # The platform may run a function twice for one event: the key makes it one job.
        job = client.video.generate(request["prompt"], idempotency_key=request["request_id"])
    except InfraiError as error:
        return refused(error)
    return response(202, {"id": job.job_id, "state": job.state})


def resume(event: dict[str, Any], _context: object) -> dict[str, Any]:
    try:
        job = client.video.status(event["pathParameters"]["id"])
    except InfraiError as error:
        return refused(error)
    return response(200, {"id": job.job_id, "state": job.state, "done": job.done, "video_url": job.video_url})


def refused(error: InfraiError) -> dict[str, Any]:
    status = error.status if error.status in (402, 404, 429) else 400 if error.kind == "invalid_request" else 502
    return response(status, {"code": error.code, "message": error.message})


def response(status: int, body: dict[str, Any]) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
