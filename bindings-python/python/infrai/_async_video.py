"""Async calls of videos."""

from __future__ import annotations

from ._arguments import absolute_path, progress_label, wait_options, without_none
from ._async_job import AsyncVideoJob
from ._errors import InfraiError
from ._keywords import suggests_keywords
from ._loop import call, call_with_updates, next_item
from ._results import CancelResult, Download

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from types import EllipsisType
    from typing import Any, TypeVar

    from ._async_client import AsyncInfraiClient
    from ._native import EventLoopHandle, Stream
    from ._types import Aspect, GenerateOptions, JobLike, Prefer, Resolution

    _Self = TypeVar("_Self", bound="_AsyncStream")


def _make_job(client: AsyncInfraiClient, fields: dict[str, Any]) -> AsyncVideoJob:
    job = AsyncVideoJob(fields)
    job._client = client
    return job


def _attach_job(client: AsyncInfraiClient, error: InfraiError) -> None:
    """Gives the job of a native error its client."""
    if error.job is not None:
        error.job = _make_job(client, error.job)


@suggests_keywords
class AsyncVideo:
    """Calls of videos; ``client.video``."""

    __slots__ = ("_client",)

    def __init__(self, client: AsyncInfraiClient) -> None:
        self._client = client

    async def generate(
        self,
        prompt: str,
        *,
        reference_image_url: str | None = None,
        duration_seconds: float | None = None,
        aspect: Aspect | None = None,
        resolution: Resolution | None = "720p",
        prefer: Prefer | None = "balanced",
        model: str | None = None,
        vendor: str | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncVideoJob:
        """Starts a job: ``POST /v1/video/generate``.

        >>> job = await client.video.generate("a red kite over the sea", resolution="1080p")
        >>> done = await job.wait(timeout=600)

        Args:
            prompt: Description of the video; not empty.
            reference_image_url: Image to follow, an http(s) URL. Default: none.
            duration_seconds: Length of the video, in seconds. Default: the API's.
            aspect: ``"16:9"``, ``"9:16"`` or ``"1:1"``. Default: the API's.
            resolution: ``"720p"``, ``"1080p"`` or ``"4k"``. The API decides which ones a vendor supports.
            prefer: ``"balanced"``, ``"cheapest"`` or ``"smartest"``.
            model: Name of a model. Default: the API's choice.
            vendor: Name of a vendor. Default: the API's choice.
            idempotency_key: 1 to 255 visible ASCII characters. The same key with the same options returns the same
                job and is charged once, within the API's window (24 hours by default). Default: a new one per call.

        Returns:
            The job, queued or further.

        Raises:
            InvalidRequestError: An argument that cannot be sent; nothing was sent.
            PaymentRequiredError: Insufficient credit; ``checkout_url`` is the page to add some.
            InfraiError: The other errors of a call. If ``may_have_been_processed``, call again with its
                ``idempotency_key``: within the API's window (24 hours by default), that
                returns the same job and is charged once.
            asyncio.CancelledError: The task was cancelled, and the request with it.
        """
        client = self._client
        options = without_none(
            reference_image_url=reference_image_url,
            duration_seconds=duration_seconds,
            aspect=aspect,
            resolution=resolution,
            prefer=prefer,
            model=model,
            vendor=vendor,
            idempotency_key=idempotency_key,
        )
        options["prompt"] = prompt
        return _make_job(client, await call(lambda event_loop: client._native.generate(event_loop, options)))

    async def status(self, id: JobLike) -> AsyncVideoJob:
        """Fetches the job's current state: ``GET /v1/video/jobs/{id}``.

        Args:
            id: Id of the job, or the job.

        Raises:
            NotFoundError: The account has no such job.
            InfraiError: The other errors of a call.
        """
        client = self._client
        return _make_job(client, await call(lambda event_loop: client._native.status(event_loop, id)))

    async def cancel(self, id: JobLike) -> CancelResult:
        """Cancels a job: ``POST /v1/video/jobs/{id}/cancel``.

        Args:
            id: Id of the job, or the job.

        Returns:
            ``ok`` is whether the job is cancelled. It is ``False``, without an error, for a job that had already
            ended otherwise.

        Raises:
            NotFoundError: The account has no such job.
            InfraiError: The other errors of a call.
        """
        native = self._client._native
        return CancelResult(await call(lambda event_loop: native.cancel(event_loop, id)))

    async def wait(
        self,
        id: JobLike,
        *,
        timeout: float | EllipsisType | None = ...,
        on_update: Callable[[AsyncVideoJob], Awaitable[object] | object] | None = None,
        cancel_on_timeout: bool = False,
        cancel_on_abort: bool = False,
        progress: bool = False,
    ) -> AsyncVideoJob:
        """Waits until a job ends, and returns it: polls ``GET /v1/video/jobs/{id}``.

        Concurrent waits of a client share one request budget. Cancelling the task ends the wait; the job continues.

        >>> done = await client.video.wait(job, timeout=600, on_update=lambda job: print(job.state))
        >>> print(done.video_url)

        Args:
            id: Id of the job, or the job.
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
        client = self._client
        # sync: require_sync("on_update", on_update)
        display = None
        if progress:
            from ._progress import WaitProgress

            display = WaitProgress()

        def notify(fields: dict[str, Any]) -> object:
            if display is not None:
                display(fields)
            return None if on_update is None else on_update(_make_job(client, fields))

        options = wait_options(timeout, cancel_on_timeout=cancel_on_timeout, cancel_on_abort=cancel_on_abort)

        def start(event_loop: EventLoopHandle | None, listener: object = True) -> Any:
            listener = None if on_update is None and display is None else listener
            return client._native.wait(event_loop, id, options, listener)

        try:
            fields = await call_with_updates(start, notify)
        except InfraiError as error:
            _attach_job(client, error)
            raise
        finally:
            if display is not None:
                display.close()
        return _make_job(client, fields)

    def watch(self, id: JobLike) -> AsyncWatch:
        """Iterates over the job's first state and every change, up to and including its last.

        >>> async for job in client.video.watch(job_id):
        ...     print(job.state, job.progress)

        A job that ends badly is the last item and raises no error. Arguments and errors: see ``status``.
        """
        return AsyncWatch(self._client, self._client._native.watch(id))

    async def download(
        self,
        job: JobLike,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        timeout: float | None = None,
        on_progress: Callable[[int, int | None], Awaitable[object] | object] | None = None,
        progress: bool = False,
    ) -> Download:
        """Saves a job's video to a file: whole, or not at all. Resumes after a broken connection.

        >>> saved = await client.video.download(job, "kite.mp4", progress=True)
        >>> print(saved.path, saved.bytes)

        Args:
            job: The job, or its id. Its URL, if unknown or expired, comes from ``GET /v1/video/jobs/{id}``.
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
        client = self._client
        target = absolute_path(path)
        # sync: require_sync("on_progress", on_progress)
        display = None
        if progress:
            from ._progress import DownloadProgress

            display = DownloadProgress(progress_label(job))

        def notify(received_and_total: tuple[int, int | None]) -> object:
            if display is not None:
                display(*received_and_total)
            return None if on_progress is None else on_progress(*received_and_total)

        options = without_none(overwrite=overwrite, timeout=timeout)

        def start(event_loop: EventLoopHandle | None, listener: object = True) -> Any:
            listener = None if on_progress is None and display is None else listener
            return client._native.download(event_loop, job, target, options, listener)

        try:
            file, length, fields = await call_with_updates(start, notify)
        except InfraiError as error:
            _attach_job(client, error)
            raise
        finally:
            if display is not None:
                display.close()
        return Download(file, length, _make_job(client, fields))

    async def download_stream(self, job: JobLike, *, timeout: float | None = None) -> AsyncDownloadStream:
        """Opens a job's video as an async iterator of ``bytes``.

        >>> async with await client.video.download_stream(job) as stream:
        ...     async for chunk in stream:
        ...         await response.write(chunk)

        Resumes after a broken connection if the file's host can. Keeps nothing in memory or on disk.

        Args:
            job: The job, or its id. Its URL, if unknown or expired, comes from ``GET /v1/video/jobs/{id}``.
            timeout: Limit from this call to the last byte, the reader's own time included, in seconds. Default: no
                limit, because a file has any size. The client's ``timeout`` applies to the status call only.

        Raises:
            InvalidRequestError: ``JOB_NOT_READY`` for a job that still runs: wait for it first.
            JobFailedError, JobCancelledError: The job has no video.
            InfraiError: The other errors of a call. Reading raises later ones: ``DOWNLOAD_FAILED`` for a broken
                connection that cannot be resumed, ``DOWNLOAD_TIMEOUT`` if the timeout passed.
        """
        client = self._client
        options = without_none(timeout=timeout)
        try:
            stream, fields = await call(
                lambda event_loop: client._native.download_stream(event_loop, job, options)
            )
        except InfraiError as error:
            _attach_job(client, error)
            raise
        return AsyncDownloadStream(client, stream, _make_job(client, fields))

    def generate_many(
        self,
        prompts: Iterable[str | GenerateOptions | Mapping[str, object]],
        *,
        concurrency: int | None = None,
        keys: Iterable[str] | None = None,
        key_prefix: str | None = None,
        timeout: float | EllipsisType | None = ...,
    ) -> AsyncGenerateMany:
        """Starts many jobs, some at once, waits for each, and yields them as they end.

        >>> async for index, result in client.video.generate_many(["a red kite", "a blue kite"], key_prefix="kites-1"):
        ...     print(index, result)

        The error of an item does not end the iteration. After the first 401 or 402, nothing further is submitted.
        Leaving the loop stops waiting and cancels no job.

        Args:
            prompts: Prompts, or mappings of ``generate``'s options; see ``GenerateOptions``.
            concurrency: Number of jobs in progress at once. Default: 8.
            keys: One idempotency key per item.
            key_prefix: Gives item ``i`` without a key of its own the key ``<prefix>-<i>``. A rerun after a crash then
                returns the same jobs and is charged once.
            timeout: Limit of the wait for each job, in seconds. Default: 1800 (half an hour); ``None``: no limit.

        Yields:
            ``(index, job or InfraiError)`` in the order in which the jobs end.
        """
        client = self._client
        options = wait_options(timeout, concurrency=concurrency, key_prefix=key_prefix)
        return AsyncGenerateMany(client, client._native.generate_many(prompts, keys, options))


class _AsyncStream:
    __slots__ = ("_client", "_stream")

    def __init__(self, client: AsyncInfraiClient, stream: Stream) -> None:
        self._client = client
        self._stream: Stream | None = stream

    async def _next(self) -> Any:
        stream = self._stream
        try:
            item = None if stream is None else await next_item(stream)
        except InfraiError as error:
            _attach_job(self._client, error)
            raise
        if item is None:
            self._stream = None
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        """Closes the stream. Jobs that were started continue."""
        self._stream = None

    def __aiter__(self: _Self) -> _Self:
        return self

    async def __aenter__(self: _Self) -> _Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class AsyncWatch(_AsyncStream):
    """States of a job; see ``AsyncVideo.watch``."""

    __slots__ = ()

    async def __anext__(self) -> AsyncVideoJob:
        return _make_job(self._client, await self._next())


class AsyncDownloadStream(_AsyncStream):
    """Bytes of a video; see ``AsyncVideo.download_stream``. Leaving its context closes the connection.

    Attributes:
        job (AsyncVideoJob): The job of the video.
    """

    __slots__ = ("job",)

    def __init__(self, client: AsyncInfraiClient, stream: Stream, job: AsyncVideoJob) -> None:
        super().__init__(client, stream)
        self.job = job

    async def __anext__(self) -> bytes:
        chunk: bytes = await self._next()
        return chunk


class AsyncGenerateMany(_AsyncStream):
    """Jobs in the order in which they end; see ``AsyncVideo.generate_many``."""

    __slots__ = ()

    async def __anext__(self) -> tuple[int, AsyncVideoJob | InfraiError]:
        index, fields, error = await self._next()
        if error is not None:
            _attach_job(self._client, error)
            return index, error
        return index, _make_job(self._client, fields)
