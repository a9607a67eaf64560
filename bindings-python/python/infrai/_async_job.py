"""Job of the async client."""

from __future__ import annotations

from ._job_base import JobBase

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable
    from types import EllipsisType

    from ._async_client import AsyncInfraiClient
    from ._async_video import AsyncDownloadStream, AsyncVideo
    from ._results import CancelResult, Download


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
        """
        return await self._video().download(
            self, path, overwrite=overwrite, timeout=timeout, on_progress=on_progress, progress=progress
        )

    async def download_stream(self, *, timeout: float | None = None) -> AsyncDownloadStream:
        """Opens the job's video as an async iterator of ``bytes``. As ``client.video.download_stream(job, …)``."""
        return await self._video().download_stream(self, timeout=timeout)
