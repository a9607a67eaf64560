"""A Celery task that makes a video, whatever becomes of its worker: a redelivered task continues its job.

    celery --app celery_task worker
    python -c "from celery_task import make_video; make_video.delay('a paper boat', 'boat.mp4')"
"""

import os
from typing import Any

from celery import Celery
from infrai import InfraiClient, InfraiError, WaitTimeoutError

app = Celery("videos", broker=os.environ.get("CELERY_BROKER_URL"), backend=os.environ.get("CELERY_RESULT_BACKEND"))
# A worker that is killed has not acknowledged its task, and another one gets it.
app.conf.update(task_acks_late=True, task_reject_on_worker_lost=True)
# One per process: made before the workers fork, each opens connections of its own.
client = InfraiClient()


@app.task(bind=True, max_retries=None)
def make_video(self: Any, prompt: str, path: str) -> str:
    try:
        # A task keeps its id when it is redelivered or retried: the key makes it one job, charged once.
        job = client.video.generate(prompt, idempotency_key=f"celery-{self.request.id}")
        # A slice of the wait, so that no worker is held for minutes.
        job.wait(timeout=20)
        return str(job.download(path, overwrite=True).path)
    except WaitTimeoutError as error:
        raise self.retry(exc=error, countdown=1) from error
    except InfraiError as error:
        if not error.retryable:
            raise
        raise self.retry(exc=error, countdown=error.retry_after or 30) from error
