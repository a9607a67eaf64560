"""A progress bar in Django: one view starts a video, the other streams its states as server-sent events (under ASGI).

    # urls.py
    urlpatterns = [path("videos", start), path("videos/<job_id>/events", events)]

    // in the page
    new EventSource(`/videos/${id}/events`).onmessage = ({ data }) => show(JSON.parse(data))
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from infrai import AsyncInfraiClient, InfraiError

client = AsyncInfraiClient()


async def start(request: HttpRequest) -> JsonResponse:
    try:
        job = await client.video.generate(str(request.POST.get("prompt", "")))
    except InfraiError as error:
        return JsonResponse({"code": error.code, "message": error.message}, status=error.status or 400)
    return JsonResponse({"id": job.job_id}, status=202)


async def events(_request: HttpRequest, job_id: str) -> StreamingHttpResponse:
    async def stream() -> AsyncIterator[str]:
        try:
            # Django cancels the generator when the page is closed, which ends the polling. The job continues.
            async for job in client.video.watch(job_id):
                yield event({"state": job.state, "progress": job.progress, "video_url": job.video_url})
        except InfraiError as error:
            yield event({"state": "failed", "message": error.message})

    return StreamingHttpResponse(stream(), content_type="text/event-stream", headers={"cache-control": "no-cache"})


def event(data: dict[str, object]) -> str:
    return f"data: {json.dumps(data)}\n\n"
