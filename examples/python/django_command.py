"""A management command of Django: `manage.py make_video "a paper boat" boat.mp4`.

It belongs into an application's `management/commands/make_video.py`.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from infrai import InfraiClient, InfraiError, VideoJob


class Command(BaseCommand):
    help = "Turns a sentence into a video"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("prompt")
        parser.add_argument("path")
        parser.add_argument("--key", help="idempotency key: the same key makes the same video, charged once")

    def handle(self, *args: Any, prompt: str, path: str, key: str | None = None, **options: Any) -> None:
        def show(job: VideoJob) -> None:
            self.stderr.write(f"{job.job_id}: {job.state}")

        try:
            with InfraiClient() as client:
                job = client.video.generate(prompt, idempotency_key=key)
                done = client.video.wait(job, on_update=show, cancel_on_timeout=True)
                saved = client.video.download(done, path, overwrite=True)
        except InfraiError as error:
            raise CommandError(f"{error.message}. {error.hint}") from error
        self.stdout.write(str(saved.path))
