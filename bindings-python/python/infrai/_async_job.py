"""Job of the async client."""

from __future__ import annotations

from ._job_base import JobBase
from ._keywords import suggests_keywords

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable
    from types import EllipsisType

    from ._async_client import AsyncInfraiClient
    from ._async_video import AsyncDownloadStream, AsyncVideo
    from ._results import CancelResult, Download


@suggests_keywords
class AsyncVideoJob(JobBase):
    """A video job in its last known state: a dict of the API's fields, which are attributes too.

    Its methods use the client that made it. Its pickles, copies, JSON and YAML contain no client and no key.

    Attributes:
        job_id (str): Id of the job.
        state (str): Current state: ``"queued"``, ``"running"``, ``"succeeded"``, ``"failed"``, ``"cancelled"``, or a
            later addition of the API.
        video_url (str | None): URL of the video, once there is one. Presigned: it carries its own authorization.
        thumbnail_url (str | None): URL of a still image.
        error (str | dict | None): Reason of a failure, as the API sent it.
        progress (float | None): Progress from 0 to 1, if the API reports it.
        cost_usd (float | None): Cost in US dollars, before any refund: the API's field, else what the response to
            ``generate`` named. The client remembers it for its last 10,000 jobs, and the job's JSON and pickles keep it.
            ``None`` if it is unknown. The cost in ``_metadata`` is that of the last request: 0 for a status.
        refunded_usd (float | None): Part of the cost that the API gave back after a failure or a cancel. ``None`` if
            the API does not say.
        done (bool): Whether the job has ended.
    """

    __slots__ = ()
    _client: AsyncInfraiClient

    def _video(self) -> AsyncVideo:
        client: AsyncInfraiClient = self._require_client()
        return client.video

    async def wait(
        self,
        *,
        timeout: float | EllipsisType | None = ...,
        on_update: Callable[[AsyncVideoJob], Awaitable[object] | object] | None = None,
        cancel_on_timeout: bool = False,
        cancel_on_abort: bool = False,
        progress: bool = False,
    ) -> AsyncVideoJob:
        """Waits until the job ends, and returns it in its last state. As ``client.video.wait(job, …)``.

        >>> done = await job.wait(timeout=600, progress=True)
        >>> print(done.video_url)

        Args:
            timeout: Limit of the wait, in seconds. Default: 1800 (half an hour); ``None``: no limit.
            on_update: Called with the job's first state and every change. An awaitable result is awaited. Its
                exception ends the wait.
            cancel_on_timeout: Cancels the job at the timeout. A job that succeeded meanwhile is returned.
            cancel_on_abort: Cancels the job if the task's cancellation ends the wait. The cancel request has 5 seconds.
            progress: Shows a bar (with tqdm, if it is installed) or lines on standard error.

        Raises:
            JobFailedError: The job failed; ``error.job`` is the job.
            JobCancelledError: The job was cancelled.
            WaitTimeoutError: The timeout passed; the job continues. Also a ``TimeoutError``.
            InfraiError: The other errors of a call. Transient errors of a poll are retried until the timeout.
        """
        return await self._video().wait(
            self,
            timeout=timeout,
            on_update=on_update,
            cancel_on_timeout=cancel_on_timeout,
            cancel_on_abort=cancel_on_abort,
            progress=progress,
        )

    async def cancel(self) -> CancelResult:
        """Cancels the job. As ``client.video.cancel(job)``."""
        return await self._video().cancel(self)

    async def download(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        timeout: float | None = None,
        on_progress: Callable[[int, int | None], Awaitable[object] | object] | None = None,
        progress: bool = False,
    ) -> Download:
        """Saves the job's video to a file. As ``client.video.download(job, path, …)``.

        >>> saved = await job.download("kite.mp4", overwrite=True)
        >>> print(saved.path, saved.bytes)

        Args:
            path: The file; its folder has to exist. A relative path is resolved when the call begins.
            overwrite: Whether to replace an existing file.
            timeout: Limit of the download with its status call, retries and pauses, in seconds. Default: no limit,
                because a file has any size. The client's ``timeout`` applies to the status call only.
            on_progress: Called with the bytes received and the total (``None`` if unknown). An awaitable result is
                awaited. Its exception ends the download.
            progress: Shows a bar (with tqdm, if it is installed) or lines on standard error.

        Raises:
            InvalidRequestError: ``FILE_EXISTS``; ``JOB_NOT_READY`` for a job that still runs: wait for it first.
            JobFailedError, JobCancelledError: The job has no video.
            ConfigurationError: ``FILE_ERROR``: the file cannot be written.
            TimeoutError: ``DOWNLOAD_TIMEOUT``: the timeout passed; nothing is saved.
            InfraiError: The other errors of a call; ``DOWNLOAD_FAILED`` if the file's host sends no whole file.
        """
        return await self._video().download(
            self, path, overwrite=overwrite, timeout=timeout, on_progress=on_progress, progress=progress
        )

    async def download_stream(self, *, timeout: float | None = None) -> AsyncDownloadStream:
        """Opens the job's video as an async iterator of ``bytes``. As ``client.video.download_stream(job, …)``."""
        return await self._video().download_stream(self, timeout=timeout)
