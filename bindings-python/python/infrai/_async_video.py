"""Async calls of videos."""

from __future__ import annotations

from ._arguments import absolute_path, progress_label, wait_options, without_none
from ._async_job import AsyncVideoJob
from ._errors import InfraiError
from ._keywords import suggests_keywords
from ._loop import call, call_with_updates, invoke, next_item
from ._results import CancelResult, Download, SavedVideo

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from types import EllipsisType
    from typing import Any, TypeVar

    from ._async_client import AsyncInfraiClient
    from ._native import EventLoopHandle, Stream
    from ._progress import GenerateManyProgress
    from ._types import Aspect, GenerateOptions, JobLike, OnAmbiguous, Prefer, Resolution

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

        Resumes after a broken connection if the file's host can. Keeps nothing in memory or on disk. The stream's ``size``
        and ``content_type`` are known before the first chunk.

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
            stream, fields, size, content_type = await call(
                lambda event_loop: client._native.download_stream(event_loop, job, options)
            )
        except InfraiError as error:
            _attach_job(client, error)
            raise
        return AsyncDownloadStream(client, stream, _make_job(client, fields), size, content_type)

    def generate_many(
        self,
        prompts: Iterable[str | GenerateOptions | Mapping[str, object]],
        *,
        concurrency: int | None = None,
        keys: Iterable[str] | None = None,
        key_prefix: str | None = None,
        timeout: float | EllipsisType | None = ...,
        checkpoint: str | os.PathLike[str] | None = None,
        idempotency_window: float | None = None,
        on_ambiguous: OnAmbiguous | None = None,
        retry_failed: bool = False,
        max_cost_usd: float | None = None,
        output_dir: str | os.PathLike[str] | None = None,
        on_submit: Callable[[AsyncGenerateManyItem], Awaitable[object] | object] | None = None,
        on_update: Callable[[AsyncGenerateManyItem], Awaitable[object] | object] | None = None,
        cancel_on_abort: bool = False,
        progress: bool = False,
    ) -> AsyncGenerateMany:
        """Starts many jobs, some at once, waits for each, and yields them as they end.

        >>> async for index, result in client.video.generate_many(["a red kite", "a blue kite"], checkpoint="k.jsonl"):
        ...     print(index, result)

        The error of an item does not end the iteration. After the first 401 or 402, nothing further is submitted.
        Leaving the loop stops waiting and cancels no job.

        Args:
            prompts: Prompts, or mappings of ``generate``'s options; see ``GenerateOptions``.
            concurrency: Number of jobs in progress at once. Default: 8.
            keys: One idempotency key per item.
            key_prefix: Gives an item without a key of its own the key ``<prefix>-<hash>-<n>``: the hash of its content,
                and the number of equal items before it. A rerun then returns the same jobs and is charged once, even if
                the list has grown or changed its order. Default: the checkpoint's, else a new key per item.
            timeout: Limit of the wait for each job, in seconds. Default: 1800 (half an hour); ``None``: no limit.
            checkpoint: File that keeps each item's job: JSON Lines, created if it does not exist. A rerun waits for the
                stored jobs, however old, and submits only items without one. Default: none.
            idempotency_window: Time for which the API remembers a key, in seconds. Default: 86400 (24 hours).
            on_ambiguous: ``"error"`` or ``"retry"``: handling of an item whose submission, older than
                ``idempotency_window``, may have been processed. Submitted again, it may be paid twice. Default:
                ``"error"``: ``SUBMIT_AMBIGUOUS``.
            retry_failed: Submits items again whose jobs ended without a video in an earlier run, with the key
                ``<key>-r1``, ``<key>-r2`` and so on. Without it, a job that failed under its key stays failed. Needs
                ``checkpoint``.
            max_cost_usd: Most that the batch may cost, in US dollars, with the jobs of its checkpoint and without
                refunds. Items that would pass it at the last known price have the error ``COST_LIMIT``. While no price
                is known, one job is submitted to learn it. Default: no limit.
            output_dir: Folder in which each video is saved as ``<key>.mp4`` when its job ends, created if it does not
                exist. Complete files are kept. Default: no downloads.
            on_submit: Called with the item of each accepted job. An awaitable result is awaited. Its exception ends
                the iteration.
            on_update: Called with the item at its job's first state and every change. An awaitable result is awaited.
                Its exception ends the iteration.
            cancel_on_abort: Cancels the jobs if the task's cancellation ends a read, or ``abort`` the batch.
            progress: Shows a bar (with tqdm, if it is installed) or lines on standard error.

        Yields:
            ``(index, job or InfraiError)`` in the order in which the jobs end, with the attributes of
            ``AsyncGenerateManyItem``.

        Raises:
            ConfigurationError: ``CHECKPOINT_LOCKED``, ``CHECKPOINT_INVALID``, ``CHECKPOINT_UNWRITABLE`` or
                ``FILE_ERROR``, before anything is sent.
            AbortedError: After ``abort``; ``details["jobs"]`` names the jobs that continue.
        """
        client = self._client
        # sync: require_sync("on_submit", on_submit)
        # sync: require_sync("on_update", on_update)
        options = wait_options(
            timeout,
            concurrency=concurrency,
            key_prefix=key_prefix,
            checkpoint=None if checkpoint is None else absolute_path(checkpoint),
            idempotency_window=idempotency_window,
            on_ambiguous=on_ambiguous,
            retry_failed=retry_failed,
            max_cost_usd=max_cost_usd,
            output_dir=None if output_dir is None else absolute_path(output_dir),
            cancel_on_abort=cancel_on_abort,
        )
        submits, updates = on_submit is not None, on_update is not None
        stream, count = client._native.generate_many(prompts, keys, options, submits, updates)
        display = None
        if progress:
            from ._progress import GenerateManyProgress

            display = GenerateManyProgress(count)
        return AsyncGenerateMany(client, stream, on_submit, on_update, display)


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
        size (int | None): Size of the file in bytes, for a ``Content-Length``. ``None`` if its host did not announce it.
        content_type (str | None): Media type of the file as its host announced it, such as ``video/mp4``.
    """

    __slots__ = ("content_type", "job", "size")

    def __init__(
        self,
        client: AsyncInfraiClient,
        stream: Stream,
        job: AsyncVideoJob,
        size: int | None,
        content_type: str | None,
    ) -> None:
        super().__init__(client, stream)
        self.job = job
        self.size = size
        self.content_type = content_type

    async def __anext__(self) -> bytes:
        chunk: bytes = await self._next()
        return chunk


class AsyncGenerateManyItem(tuple[int, "AsyncVideoJob | InfraiError"]):
    """Item of ``AsyncVideo.generate_many``: the tuple of its index, and its job or error.

    Attributes:
        index (int): Index of the item in the list.
        result (AsyncVideoJob | InfraiError): The job with its video, or the error.
        key (str): Key of the item: the idempotency key of its first try. The key of retry ``n`` is ``<key>-r<n>``.
        file (SavedVideo | None): File of the video, with ``output_dir``.
    """

    # It replaces the tuple's method of this name.
    index: int  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleMethodOverride]
    result: AsyncVideoJob | InfraiError
    key: str
    file: SavedVideo | None

    def __new__(
        cls, index: int, result: AsyncVideoJob | InfraiError, key: str, file: SavedVideo | None = None
    ) -> AsyncGenerateManyItem:
        item = super().__new__(cls, (index, result))
        item.index, item.result, item.key, item.file = index, result, key, file
        return item

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self.index, self.result, self.key, self.file


class AsyncGenerateMany(_AsyncStream):
    """Items in the order in which their jobs end; see ``AsyncVideo.generate_many``."""

    __slots__ = ("_display", "_on_submit", "_on_update")

    def __init__(
        self,
        client: AsyncInfraiClient,
        stream: Stream,
        on_submit: Callable[[AsyncGenerateManyItem], object] | None,
        on_update: Callable[[AsyncGenerateManyItem], object] | None,
        display: GenerateManyProgress | None,
    ) -> None:
        super().__init__(client, stream)
        self._on_submit, self._on_update, self._display = on_submit, on_update, display

    async def __anext__(self) -> AsyncGenerateManyItem:
        client, display = self._client, self._display
        while True:
            try:
                kind, index, key, fields, error, file = await self._next()
            except BaseException:
                if display is not None:
                    display.close()
                raise
            if error is not None:
                _attach_job(client, error)
            result = _make_job(client, fields) if error is None else error
            item = AsyncGenerateManyItem(index, result, key, None if file is None else SavedVideo(*file))
            if kind == "item":
                if display is not None:
                    display(error is None)
                return item
            callback = self._on_submit if kind == "submit" else self._on_update
            if callback is not None:
                await invoke(callback, item)

    def abort(self) -> None:
        """Stops submitting and waiting. The iteration then raises ``AbortedError`` with the jobs that continue.

        May be called from another thread, or from a callback.
        """
        stream = self._stream
        if stream is not None:
            stream.abort()
