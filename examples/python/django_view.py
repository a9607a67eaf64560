"""Django views that start a video and say how it is: one client for the process, forked workers included.

    # urls.py
    urlpatterns = [path("videos", start), path("videos/<job_id>", state)]

The browser posts a prompt, then asks for the state until it is done. The page's own request id is the idempotency key, so that
a form sent twice makes one video.
"""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET, require_POST
from infrai import InfraiClient, InfraiError

# Made before the server forks: each worker opens connections of its own.
client = InfraiClient(timeout=20, user_agent_suffix="example-site/1.0")


@require_POST
def start(request: HttpRequest) -> JsonResponse:
    try:
        job = client.video.generate(
            str(request.POST.get("prompt", "")), idempotency_key=str(request.POST.get("request_id", "")) or None
        )
    except InfraiError as error:
        return refused(error)
    return JsonResponse(job, status=202)


@require_GET
def state(request: HttpRequest, job_id: str) -> JsonResponse:
    try:
        job = client.video.status(job_id)
    except InfraiError as error:
        return refused(error)
    return JsonResponse({"state": job.state, "done": job.done, "video_url": job.video_url})


def refused(error: InfraiError) -> JsonResponse:
    """What the user can do something about keeps its status; all else is this server's trouble."""
    status = error.status if error.status in (402, 404, 429) else 400 if error.kind == "invalid_request" else 502
    return JsonResponse({"code": error.code, "message": error.message, "pay_at": error.checkout_url}, status=status)
