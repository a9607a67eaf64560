"""A receiver of webhooks with FastAPI: verifies, handles each event once, and answers at once.

    INFRAI_WEBHOOK_SECRET=whsec_… python -m uvicorn webhook_fastapi:app
"""

import os

from fastapi import BackgroundTasks, FastAPI, Request, Response
from infrai import AsyncInfraiClient, WebhookVerificationError, webhooks

# docs: register
client = AsyncInfraiClient()


async def register(url: str, secret: str) -> None:
    webhook = {"url": url, "events": ["*"], "description": "example", "secret": secret}
    await client.request("POST", "/v1/account/webhooks/register", webhook)
# docs: end


# docs: receive
app = FastAPI()
secret = os.environ["INFRAI_WEBHOOK_SECRET"]
seen = webhooks.SeenEvents()


@app.post("/webhooks/infrai")
async def receive(request: Request, tasks: BackgroundTasks) -> Response:
    # The raw body: request.json() would lose the signed bytes.
    body = await request.body()
    try:
        event = webhooks.verify(body, request.headers.get("x-infrai-signature"), secret)
    except WebhookVerificationError as error:
        print(error)
        return Response(status_code=400)
    # An event without an id is known by its body: one signature has several spellings.
    if seen.add(event.id or body.decode()):
        # Answer first: an answer that is late is a failed delivery.
        tasks.add_task(handle, event)
    return Response(status_code=204)


async def handle(event: webhooks.WebhookEvent) -> None:
    if event.job is None:
        return
    # The signature covers no time: fetch the state instead of trusting an old event.
    job = await client.video.status(event.job.job_id)
    print(event.type, job.job_id, job.state, job.video_url)
# docs: end
