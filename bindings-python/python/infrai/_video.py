"""The blocking calls about videos."""

from __future__ import annotations

from ._job import VideoJob
from ._results import CancelResult, Download

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping
    from types import EllipsisType
    from typing import Any

    from ._client import InfraiClient
    from ._errors import InfraiError
    from ._native import Stream
    from ._types import Aspect, GenerateOptions, Prefer, Resolution

    JobLike = str | Mapping[str, Any]


def _label(job: JobLike) -> str:
    """What a download's progress is called. Whether it is a job at all is for the call to say."""
    return job if isinstance(job, str) else str(job.get("job_id", "")) if hasattr(job, "get") else ""


def _given(**options: Any) -> dict[str, Any]:
    """Returns the options that are set: `None` counts as unset."""
    return {name: value for name, value in options.items() if value is not None}


def _wait_options(timeout: float | EllipsisType | None, **options: Any) -> dict[str, Any]:
    """Returns the options of a wait: `None` is a timeout without limit, and `...` the default one."""
    given = _given(**options)
    if timeout is not ...:
        given["timeout"] = timeout
    return given


def _plain(
    field: str, function: Callable[..., object] | None, reason: str = "; AsyncInfraiClient takes both"
) -> None:
    """Refuses what could only be left unawaited, or not be called at all."""
    if function is None:
        return
    from inspect import iscoroutinefunction

    asynchronous = iscoroutinefunction(function) or iscoroutinefunction(type(function).__call__)
    if asynchronous or not callable(function):
        from ._native import invalid_argument_error

        got = "an async function" if asynchronous else f"a value of type {type(function).__name__}"
        raise invalid_argument_error(field, got, f"a function that is not async{reason}")


def _file(path: str) -> Any:
    from pathlib import Path

    return Path(path)


class Video:
    """The calls about videos; ``client.video`` or ``ai.video``."""

    __slots__ = ("_client",)

    def __init__(self, client: InfraiClient) -> None:
        self._client = client

    def _own(self) -> Video:
        """What a job holds on to: the client of now, even where the default one is replaced later."""
        return self

    def _job(self, fields: dict[str, Any], own: Video | None = None) -> VideoJob:
        job = VideoJob(fields)
        job._video = own or self._own()  # pyright: ignore[reportPrivateUsage]
        return job

    def _adopt(self, error: InfraiError) -> None:
        if error.job is not None:
            error.job = self._job(error.job)

    def generate(
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
    ) -> VideoJob:
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

        Returns:
            The job, queued or already further.

        Raises:
            InvalidRequestError: an argument that cannot be sent, before anything is sent.
            PaymentRequiredError: the credit does not suffice; ``checkout_url`` says where to add some.
            InfraiError: as every call. When ``may_have_been_processed``, call again with its ``idempotency_key``: it
                gives the same job and is charged once.
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
        return self._job(self._client._native.generate(None, options))  # pyright: ignore[reportPrivateUsage]

    def status(self, id: JobLike) -> VideoJob:
        """Looks at a job once: ``GET /v1/video/jobs/{id}``.

        Args:
            id: the job's id, or the job.

        Raises:
            NotFoundError: no such job on this account.
            InfraiError: as every call.
        """
        return self._job(self._client._native.status(None, id))  # pyright: ignore[reportPrivateUsage]

    def cancel(self, id: JobLike) -> CancelResult:
        """Cancels a job: ``POST /v1/video/jobs/{id}/cancel``.

        Args:
            id: the job's id, or the job.

        Returns:
            ``ok`` is whether the job is cancelled; ``False``, and no error, when it had already ended otherwise.

        Raises:
            NotFoundError: no such job on this account.
            InfraiError: as every call.
        """
        return CancelResult(self._client._native.cancel(None, id))  # pyright: ignore[reportPrivateUsage]

    def wait(
        self,
        id: JobLike,
        *,
        timeout: float | EllipsisType | None = ...,
        on_update: Callable[[VideoJob], object] | None = None,
        cancel_on_timeout: bool = False,
        cancel_on_abort: bool = False,
        progress: bool = False,
    ) -> VideoJob:
        """Waits until a job has ended and returns it: looks at ``GET /v1/video/jobs/{id}`` now and again.

        Ctrl-C ends the wait within a tenth of a second; the job goes on.

        Args:
            id: the job's id, or the job.
            timeout: how many seconds to wait. Default: 1800 (half an hour); ``None``: for ever.
            on_update: called with the job's first state and every change of it. What it raises ends the wait.
            cancel_on_timeout: cancels the job when the time is over; one that turns out to have succeeded meanwhile is
                returned.
            cancel_on_abort: cancels the job when Ctrl-C, or what ``on_update`` raises, ends the wait; the cancel gets 5 seconds.
            progress: shows a bar (with tqdm, where it is installed) or lines on standard error.

        Raises:
            JobFailedError: the job failed; ``error.job`` is the job.
            JobCancelledError: the job was cancelled.
            WaitTimeoutError: the time ran out and the job goes on. Also a ``TimeoutError``.
            InfraiError: as every call. Looks that may succeed later are repeated until the time is over.
        """
        from ._errors import InfraiError

        _plain("on_update", on_update)
        own = self._own()
        bar = None
        if progress:
            from ._progress import Waiting

            bar = Waiting()

        def tell(fields: dict[str, Any]) -> None:
            if bar is not None:
                bar(fields)
            if on_update is not None:
                on_update(self._job(fields, own))

        told = None if on_update is None and bar is None else tell

        try:
            native = own._client._native  # pyright: ignore[reportPrivateUsage]
            options = _wait_options(
                timeout, cancel_on_timeout=cancel_on_timeout, cancel_on_abort=cancel_on_abort
            )
            return self._job(native.wait(None, id, options, told), own)
        except InfraiError as error:
            own._adopt(error)
            raise
        finally:
            if bar is not None:
                bar.close()

    def watch(self, id: JobLike) -> Watch:
        """The job's first state and every change of it, the last one included; then it ends.

        >>> for job in ai.video.watch(job_id):
        ...     print(job.state, job.progress)

        A job that ends badly is the last item and no error. Args and errors: as ``status``.
        """
        own = self._own()
        return Watch(own, own._client._native.watch(id))  # pyright: ignore[reportPrivateUsage]

    def download(
        self,
        job: JobLike,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        timeout: float | None = None,
        on_progress: Callable[[int, int | None], object] | None = None,
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
            on_progress: called with the bytes so far and in all (``None`` if not known). What it raises ends the
                download.
            progress: shows a bar (with tqdm, where it is installed) or lines on standard error.

        Raises:
            InvalidRequestError: ``FILE_EXISTS``; ``JOB_NOT_READY`` for a job that still runs: wait for it first.
            JobFailedError, JobCancelledError: there is no video.
            ConfigurationError: ``FILE_ERROR``: the file cannot be written.
            TimeoutError: ``DOWNLOAD_TIMEOUT``: the timeout passed; nothing is saved.
            InfraiError: as every call; ``DOWNLOAD_FAILED`` when the file's host gives no whole file.
        """
        from ._errors import InfraiError

        _plain("on_progress", on_progress)
        own = self._own()
        bar = None
        if progress:
            from ._progress import Downloading

            bar = Downloading(_label(job))

        def tell(so_far: tuple[int, int | None]) -> None:
            if bar is not None:
                bar(*so_far)
            if on_progress is not None:
                on_progress(*so_far)

        told = None if on_progress is None and bar is None else tell

        try:
            native = own._client._native  # pyright: ignore[reportPrivateUsage]
            file, length, fields = native.download(
                None, job, path, _given(overwrite=overwrite, timeout=timeout), told
            )
        except InfraiError as error:
            own._adopt(error)
            raise
        finally:
            if bar is not None:
                bar.close()
        return Download(_file(file), length, self._job(fields, own))

    def download_stream(self, job: JobLike, *, timeout: float | None = None) -> DownloadStream:
        """Opens a job's video as an iterator of ``bytes``: for a response, an upload, a file object.

        >>> with ai.video.download_stream(job) as stream, open("kite.mp4", "wb") as file:
        ...     file.writelines(stream)

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

        own = self._own()
        try:
            native = own._client._native  # pyright: ignore[reportPrivateUsage]
            stream, fields = native.download_stream(None, job, _given(timeout=timeout))
        except InfraiError as error:
            own._adopt(error)
            raise
        return DownloadStream(own, stream, self._job(fields, own))

    def generate_many(
        self,
        prompts: Iterable[str | GenerateOptions],
        *,
        concurrency: int | None = None,
        keys: Iterable[str] | None = None,
        key_prefix: str | None = None,
        timeout: float | EllipsisType | None = ...,
    ) -> GenerateMany:
        """Starts many jobs, some at once, waits for each, and yields them as they end.

        >>> for index, result in ai.video.generate_many(["a red kite", "a blue kite"], key_prefix="kites-1"):
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
        own = self._own()
        native = own._client._native  # pyright: ignore[reportPrivateUsage]
        options = _wait_options(timeout, concurrency=concurrency, key_prefix=key_prefix)
        return GenerateMany(own, native.generate_many(prompts, keys, options))


class _Stream:
    __slots__ = ("_stream", "_video")

    def __init__(self, video: Video, stream: Stream) -> None:
        self._video = video
        self._stream: Stream | None = stream

    def _next(self) -> Any:
        item = None if self._stream is None else self._stream.next(None)
        if item is None:
            self._stream = None
            raise StopIteration
        return item

    def close(self) -> None:
        """Ends it; jobs that were started go on."""
        self._stream = None


class Watch(_Stream):
    """A job's states, one after the other; see ``Video.watch``."""

    __slots__ = ()

    def __iter__(self) -> Watch:
        return self

    def __next__(self) -> VideoJob:
        return self._video._job(self._next())  # pyright: ignore[reportPrivateUsage]

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class DownloadStream(_Stream):
    """A video's bytes, piece after piece; see ``Video.download_stream``. Leaving it closes the connection.

    Attributes:
        job (VideoJob): the job it comes from.
    """

    __slots__ = ("job",)

    def __init__(self, video: Video, stream: Stream, job: VideoJob) -> None:
        super().__init__(video, stream)
        self.job = job

    def __iter__(self) -> DownloadStream:
        return self

    def __next__(self) -> bytes:
        piece: bytes = self._next()
        return piece

    def __enter__(self) -> DownloadStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class GenerateMany(_Stream):
    """Many jobs as they end; see ``Video.generate_many``."""

    __slots__ = ()

    def __iter__(self) -> GenerateMany:
        return self

    def __next__(self) -> tuple[int, VideoJob | InfraiError]:
        index, fields, error = self._next()
        if error is not None:
            self._video._adopt(error)  # pyright: ignore[reportPrivateUsage]
            return index, error
        return index, self._video._job(fields)  # pyright: ignore[reportPrivateUsage]

    def __enter__(self) -> GenerateMany:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
