"""The awaitable calls about videos."""

from __future__ import annotations

from ._job import AsyncVideoJob
from ._loop import call, call_with_updates, next_item
from ._results import CancelResult, Download
from ._video import _file, _given, _label, _wait_options  # pyright: ignore[reportPrivateUsage]

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Iterable
    from types import EllipsisType
    from typing import Any

    from ._async_client import AsyncInfraiClient
    from ._errors import InfraiError
    from ._native import Client, Stream
    from ._types import Aspect, GenerateOptions, Prefer, Resolution
    from ._video import JobLike


class AsyncVideo:
    """The awaitable calls about videos; ``client.video``."""

    __slots__ = ("_client",)

    def __init__(self, client: AsyncInfraiClient) -> None:
        self._client = client

    @property
    def _native(self) -> Client:
        return self._client._native  # pyright: ignore[reportPrivateUsage]

    def _job(self, fields: dict[str, Any]) -> AsyncVideoJob:
        job = AsyncVideoJob(fields)
        job._video = self  # pyright: ignore[reportPrivateUsage]
        return job

    def _adopt(self, error: InfraiError) -> None:
        if error.job is not None:
            error.job = self._job(error.job)

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

        Args:
            prompt: what the video is to show; not empty.
            reference_image_url: an image to go by, an http(s) URL.
            duration_seconds: how long the video should be, in seconds.
            aspect: ``"16:9"``, ``"9:16"`` or ``"1:1"``.
            resolution: ``"720p"``, ``"1080p"`` or ``"4k"``; which of them a vendor can do is for the API to say.
            prefer: ``"balanced"``, ``"cheapest"`` or ``"smartest"``.
            model: a model by name.
            vendor: a vendor by name.
            idempotency_key: 1 to 255 visible ASCII characters: the same key with the same options gives the same job,
                charged once. Default: a fresh one for each call.

        Raises:
            InvalidRequestError: an argument that cannot be sent, before anything is sent.
            PaymentRequiredError: the credit does not suffice; ``checkout_url`` says where to add some.
            InfraiError: as every call. When ``may_have_been_processed``, call again with its ``idempotency_key``: it
                gives the same job and is charged once.
            asyncio.CancelledError: the task was cancelled; the request is, too.
        """
        options = _given(
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
        return self._job(await call(lambda event_loop: self._native.generate(event_loop, options)))

    async def status(self, id: JobLike) -> AsyncVideoJob:
        """Looks at a job once: ``GET /v1/video/jobs/{id}``.

        Args:
            id: the job's id, or the job.

        Raises:
            NotFoundError: no such job on this account.
            InfraiError: as every call.
        """
        return self._job(await call(lambda event_loop: self._native.status(event_loop, id)))

    async def cancel(self, id: JobLike) -> CancelResult:
        """Cancels a job: ``POST /v1/video/jobs/{id}/cancel``.

        Args:
            id: the job's id, or the job.

        Returns:
            ``ok`` is whether the job is cancelled; ``False``, and no error, when it had already ended otherwise.

        Raises:
            NotFoundError: no such job on this account.
            InfraiError: as every call.
        """
        return CancelResult(await call(lambda event_loop: self._native.cancel(event_loop, id)))

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
        """Waits until a job has ended and returns it: looks at ``GET /v1/video/jobs/{id}`` now and again.

        Thousands of waits at once share one budget of requests. A task that is cancelled stops looking; the job goes on.

        Args:
            id: the job's id, or the job.
            timeout: how many seconds to wait. Default: 1800 (half an hour); ``None``: for ever.
            on_update: called with the job's first state and every change of it; what it returns is awaited if it can
                be. What it raises ends the wait.
            cancel_on_timeout: cancels the job when the time is over; one that turns out to have succeeded meanwhile is
                returned.
            cancel_on_abort: cancels the job when the task's cancellation ends the wait; the cancel gets 5 seconds.
            progress: shows a bar (with tqdm, where it is installed) or lines on standard error.

        Raises:
            JobFailedError: the job failed; ``error.job`` is the job.
            JobCancelledError: the job was cancelled.
            WaitTimeoutError: the time ran out and the job goes on. Also a ``TimeoutError``.
            InfraiError: as every call. Looks that may succeed later are repeated until the time is over.
        """
        from ._errors import InfraiError

        bar = None
        if progress:
            from ._progress import Waiting

            bar = Waiting()

        def tell(fields: dict[str, Any]) -> object:
            if bar is not None:
                bar(fields)
            return None if on_update is None else on_update(self._job(fields))

        telling = True if on_update is not None or bar is not None else None
        try:
            options = _wait_options(
                timeout, cancel_on_timeout=cancel_on_timeout, cancel_on_abort=cancel_on_abort
            )
            fields = await call_with_updates(
                lambda event_loop: self._native.wait(event_loop, id, options, telling), tell
            )
            return self._job(fields)
        except InfraiError as error:
            self._adopt(error)
            raise
        finally:
            if bar is not None:
                bar.close()

    def watch(self, id: JobLike) -> AsyncWatch:
        """The job's first state and every change of it, the last one included; then it ends.

        >>> async for job in client.video.watch(job_id):
        ...     print(job.state, job.progress)

        A job that ends badly is the last item and no error. Args and errors: as ``status``.
        """
        return AsyncWatch(self, self._native.watch(id))

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
        """Saves a job's video to a file: whole, or not at all. A broken connection is resumed.

        Args:
            job: the job, or its id; ``GET /v1/video/jobs/{id}`` is asked when its URL is not known or has expired.
            path: the file; its folder has to exist.
            overwrite: whether a file of this name may be replaced.
            timeout: how many seconds the download may take in all, its status call, retries and pauses included.
                Default: ``None``, no limit, since a file's size has none. The client's ``timeout`` bounds the status
                call alone.
            on_progress: called with the bytes so far and in all (``None`` if not known); what it returns is awaited if
                it can be. What it raises ends the download.
            progress: shows a bar (with tqdm, where it is installed) or lines on standard error.

        Raises:
            InvalidRequestError: ``FILE_EXISTS``; ``JOB_NOT_READY`` for a job that still runs: wait for it first.
            JobFailedError, JobCancelledError: there is no video.
            ConfigurationError: ``FILE_ERROR``: the file cannot be written.
            TimeoutError: ``DOWNLOAD_TIMEOUT``: the timeout passed; nothing is saved.
            InfraiError: as every call; ``DOWNLOAD_FAILED`` when the file's host gives no whole file.
        """
        from ._errors import InfraiError

        bar = None
        if progress:
            from ._progress import Downloading

            bar = Downloading(_label(job))

        def tell(so_far: tuple[int, int | None]) -> object:
            if bar is not None:
                bar(*so_far)
            return None if on_progress is None else on_progress(*so_far)

        telling = True if on_progress is not None or bar is not None else None
        try:
            options = _given(overwrite=overwrite, timeout=timeout)
            file, length, fields = await call_with_updates(
                lambda event_loop: self._native.download(event_loop, job, path, options, telling), tell
            )
        except InfraiError as error:
            self._adopt(error)
            raise
        finally:
            if bar is not None:
                bar.close()
        return Download(_file(file), length, self._job(fields))

    async def download_stream(self, job: JobLike, *, timeout: float | None = None) -> AsyncDownloadStream:
        """Opens a job's video as an asynchronous iterator of ``bytes``: for a response or an upload.

        >>> async with await client.video.download_stream(job) as stream:
        ...     async for piece in stream:
        ...         await response.write(piece)

        A broken connection is resumed where the file's host can; nothing is kept in memory or on disk.

        Args:
            job: the job, or its id; ``GET /v1/video/jobs/{id}`` is asked when its URL is not known or has expired.
            timeout: how many seconds the download may take in all, from this call to the last byte, the reader's own time
                included. Default: ``None``, no limit, since a file's size has none. The client's ``timeout`` bounds the
                status call alone.

        Raises:
            InvalidRequestError: ``JOB_NOT_READY`` for a job that still runs: wait for it first.
            JobFailedError, JobCancelledError: there is no video.
            InfraiError: as every call; what goes wrong later is raised while reading, as ``DOWNLOAD_FAILED`` when the
                connection broke and cannot be resumed, and as ``DOWNLOAD_TIMEOUT`` when the timeout passed.
        """
        from ._errors import InfraiError

        try:
            options = _given(timeout=timeout)
            stream, fields = await call(
                lambda event_loop: self._native.download_stream(event_loop, job, options)
            )
        except InfraiError as error:
            self._adopt(error)
            raise
        return AsyncDownloadStream(self, stream, self._job(fields))

    def generate_many(
        self,
        prompts: Iterable[str | GenerateOptions],
        *,
        concurrency: int | None = None,
        keys: Iterable[str] | None = None,
        key_prefix: str | None = None,
        timeout: float | EllipsisType | None = ...,
    ) -> AsyncGenerateMany:
        """Starts many jobs, some at once, waits for each, and yields them as they end.

        >>> async for index, result in client.video.generate_many(["a red kite", "a blue kite"], key_prefix="kites-1"):
        ...     print(index, result)

        No item's error ends it. After the first 401 or 402 nothing further is submitted. Leaving the loop stops the
        waiting and cancels nothing.

        Args:
            prompts: prompts, or dicts of ``generate``'s options.
            concurrency: how many jobs are under way at once. Default: 8.
            keys: an idempotency key for each item.
            key_prefix: item ``i`` without a key of its own gets ``<prefix>-<i>``: a rerun after a crash gets the same
                jobs and is charged once.
            timeout: how many seconds to wait for each job. Default: 1800 (half an hour); ``None``: for ever.

        Yields:
            ``(index, job or InfraiError)`` in the order in which they end.
        """
        options = _wait_options(timeout, concurrency=concurrency, key_prefix=key_prefix)
        stream = self._native.generate_many(prompts, keys, options)
        return AsyncGenerateMany(self, stream)


class _AsyncStream:
    __slots__ = ("_stream", "_video")

    def __init__(self, video: AsyncVideo, stream: Stream) -> None:
        self._video = video
        self._stream: Stream | None = stream

    async def _next(self) -> Any:
        stream = self._stream
        item = None if stream is None else await next_item(stream)
        if item is None:
            self._stream = None
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        """Ends it; jobs that were started go on."""
        self._stream = None


class AsyncWatch(_AsyncStream):
    """A job's states, one after the other; see ``AsyncVideo.watch``."""

    __slots__ = ()

    def __aiter__(self) -> AsyncWatch:
        return self

    async def __anext__(self) -> AsyncVideoJob:
        return self._video._job(await self._next())  # pyright: ignore[reportPrivateUsage]

    async def __aenter__(self) -> AsyncWatch:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class AsyncDownloadStream(_AsyncStream):
    """A video's bytes, piece after piece; see ``AsyncVideo.download_stream``. Leaving it closes the connection.

    Attributes:
        job (AsyncVideoJob): the job it comes from.
    """

    __slots__ = ("job",)

    def __init__(self, video: AsyncVideo, stream: Stream, job: AsyncVideoJob) -> None:
        super().__init__(video, stream)
        self.job = job

    def __aiter__(self) -> AsyncDownloadStream:
        return self

    async def __anext__(self) -> bytes:
        piece: bytes = await self._next()
        return piece

    async def __aenter__(self) -> AsyncDownloadStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class AsyncGenerateMany(_AsyncStream):
    """Many jobs as they end; see ``AsyncVideo.generate_many``."""

    __slots__ = ()

    def __aiter__(self) -> AsyncGenerateMany:
        return self

    async def __anext__(self) -> tuple[int, AsyncVideoJob | InfraiError]:
        index, fields, error = await self._next()
        if error is not None:
            self._video._adopt(error)  # pyright: ignore[reportPrivateUsage]
            return index, error
        return index, self._video._job(fields)  # pyright: ignore[reportPrivateUsage]

    async def __aenter__(self) -> AsyncGenerateMany:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
