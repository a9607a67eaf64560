"""A page's progress bar and its video with FastAPI: one route starts a video, one streams its states, one leads to the file.

    python -m uvicorn fastapi_sse:app

    // in the page
    new EventSource(`/videos/${id}/events`).onmessage = ({ data }) => show(JSON.parse(data))
    <video src="/videos/vid_…/file" controls></video>
"""

# docs: app
from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Body, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, RedirectResponse, StreamingResponse
from infrai import AsyncInfraiClient, InfraiError

client = AsyncInfraiClient()
app = FastAPI()


@app.exception_handler(InfraiError)
async def refused(_request: Request, error: InfraiError) -> JSONResponse:
    status = error.status if error.status in (402, 404, 429) else 400 if error.kind == "invalid_request" else 502
    return JSONResponse({"code": error.code, "message": error.message}, status)


@app.post("/videos", status_code=202)
async def start(prompt: Annotated[str, Body(embed=True)]) -> dict[str, str]:
    job = await client.video.generate(prompt)
    return {"id": job.job_id}


@app.get("/videos/{job_id}/events")
async def events(job_id: str) -> StreamingResponse:
    async def stream() -> AsyncIterator[str]:
        try:
            # The generator is cancelled when the page is closed, which ends the polling. The job continues.
            async for job in client.video.watch(job_id):
                yield event({"state": job.state, "progress": job.progress})
        except InfraiError as error:
            yield event({"state": "failed", "message": error.message})

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"cache-control": "no-cache"})


def event(data: dict[str, object]) -> str:
    return f"data: {json.dumps(data)}\n\n"
# docs: end


# docs: file
@app.get("/videos/{job_id}/file")
async def file(job_id: str) -> RedirectResponse:
    job = await client.video.status(job_id)
    if job.video_url is None:
        raise HTTPException(409, f"the video is {job.state}")
    # The page keeps this address, and the URL behind it is always a fresh one.
    return RedirectResponse(job.video_url, 307, headers={"cache-control": "no-store"})
# docs: end
