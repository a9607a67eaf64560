"""A video job: a dict of what the API sent, with attributes and methods."""

from __future__ import annotations

from ._results import CancelResult, Download, Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable
    from types import EllipsisType
    from typing import Any, Literal, overload

    from ._async_video import AsyncDownloadStream, AsyncVideo
    from ._video import DownloadStream, Video


class _Job(Record):
    """What both kinds of job share."""

    __slots__ = ("_video",)
    _documented = ("job_id", "state", "video_url", "thumbnail_url", "error", "progress")
    job_id: str
    state: str
    video_url: str | None
    thumbnail_url: str | None
    error: Any
    progress: float | None

    if TYPE_CHECKING:
        # What the documented fields are; any other is what the API made it.

        @overload
        def __getitem__(self, key: Literal["job_id", "state"], /) -> str: ...
        @overload
        def __getitem__(self, key: Literal["video_url", "thumbnail_url"], /) -> str: ...
        @overload
        def __getitem__(self, key: Literal["progress"], /) -> float: ...
        @overload
        def __getitem__(self, key: Literal["_metadata"], /) -> dict[str, Any]: ...
        @overload
        def __getitem__(self, key: str, /) -> Any: ...
        def __getitem__(self, key: str, /) -> Any: ...

        @overload  # type: ignore[override]  # a dict's own says no more than these
        def get(self, key: Literal["job_id", "state"], default: None = None, /) -> str: ...
        @overload
        def get(self, key: Literal["video_url", "thumbnail_url"], default: None = None, /) -> str | None: ...
        @overload
        def get(self, key: Literal["progress"], default: None = None, /) -> float | None: ...
        @overload
        def get(self, key: Literal["_metadata"], default: None = None, /) -> dict[str, Any] | None: ...
        @overload
        def get(self, key: str, default: Any = None, /) -> Any: ...
        def get(self, key: str, default: Any = None, /) -> Any: ...  # pyright: ignore[reportIncompatibleMethodOverride]

    @property
    def done(self) -> bool:
        """Whether the job has ended, one way or another."""
        from . import _native

        return _native.is_done(self["state"])

    def _held(self) -> Any:
        # Not `self._video`: without a client, that would be a field of this name.
        return object.__getattribute__(self, "_video")

    def _repr_html_(self) -> str:
        """How a notebook shows it: the playing video once there is one, and a line with its state before."""
        from html import escape

        from . import _native

        name = escape(str(self.get("job_id", "")))
        url, still = self.get("video_url"), self.get("thumbnail_url")
        state = str(self.get("state", ""))
        if url and _native.is_success(state):
            poster = f' poster="{escape(str(still))}"' if still else ""
            return (
                f'<video src="{escape(str(url))}"{poster} controls loop muted style="max-width: 640px"></video>'
                f"<div><code>{name}</code></div>"
            )
        share = f" {self['progress']:.0%}" if isinstance(self.get("progress"), (int, float)) else ""
        return f"<div><code>{name}</code> <b>{escape(state)}</b>{share}</div>"


def _no_client() -> Exception:
    from ._errors import ConfigurationError

    message = "this job has no client: it was pickled, copied or put together by hand"
    return ConfigurationError(
        message, code="CONFIGURATION_INVALID", hint="Use client.video with its job_id instead."
    )


class VideoJob(_Job):
    """A video job as last seen: a dict of what the API sent, whose fields are attributes too.

    Its methods use the client that made it. Pickled, copied or turned to JSON it carries no client and no key.

    Attributes:
        job_id (str): the job's id.
        state (str): where it stands: ``"queued"``, ``"running"``, ``"succeeded"``, ``"failed"``, ``"cancelled"``, or
            whatever else the API says.
        video_url (str | None): where the video is, once there is one. Presigned: it carries its own authorization.
        thumbnail_url (str | None): where a still of it is.
        error (str | dict | None): why it failed, as the API wrote it.
        progress (float | None): how far it is, from 0 to 1, if the API says so.
        done (bool): whether it has ended, one way or another.
    """

    __slots__ = ()
    _video: Video

    def _client(self) -> Video:
        try:
            video: Video = self._held()
        except AttributeError:
            raise _no_client() from None
        return video

    def wait(
        self,
        *,
        timeout: float | EllipsisType | None = ...,
        on_update: Callable[[VideoJob], object] | None = None,
        cancel_on_timeout: bool = False,
        cancel_on_abort: bool = False,
        progress: bool = False,
    ) -> VideoJob:
        """Waits until the job has ended and returns it as it is then. As ``client.video.wait(job, …)``."""
        return self._client().wait(
            self,
            timeout=timeout,
            on_update=on_update,
            cancel_on_timeout=cancel_on_timeout,
            cancel_on_abort=cancel_on_abort,
            progress=progress,
        )

    def cancel(self) -> CancelResult:
        """Cancels the job. As ``client.video.cancel(job)``."""
        return self._client().cancel(self)

    def download(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        timeout: float | None = None,
        on_progress: Callable[[int, int | None], object] | None = None,
        progress: bool = False,
    ) -> Download:
        """Saves the job's video to a file. As ``client.video.download(job, path, …)``."""
        return self._client().download(
            self, path, overwrite=overwrite, timeout=timeout, on_progress=on_progress, progress=progress
        )

    def download_stream(self, *, timeout: float | None = None) -> DownloadStream:
        """Opens the job's video as an iterator of ``bytes``. As ``client.video.download_stream(job, …)``."""
        return self._client().download_stream(self, timeout=timeout)


class AsyncVideoJob(_Job):
    """A video job of an ``AsyncInfraiClient``: a dict whose fields are attributes too, with awaitable methods.

    Its methods use the client that made it. Pickled, copied or turned to JSON it carries no client and no key.

    Attributes:
        job_id (str): the job's id.
        state (str): where it stands: ``"queued"``, ``"running"``, ``"succeeded"``, ``"failed"``, ``"cancelled"``, or
            whatever else the API says.
        video_url (str | None): where the video is, once there is one. Presigned: it carries its own authorization.
        thumbnail_url (str | None): where a still of it is.
        error (str | dict | None): why it failed, as the API wrote it.
        progress (float | None): how far it is, from 0 to 1, if the API says so.
        done (bool): whether it has ended, one way or another.
    """

    __slots__ = ()
    _video: AsyncVideo

    def _client(self) -> AsyncVideo:
        try:
            video: AsyncVideo = self._held()
        except AttributeError:
            raise _no_client() from None
        return video

    async def wait(
        self,
        *,
        timeout: float | EllipsisType | None = ...,
        on_update: Callable[[AsyncVideoJob], Awaitable[object] | object] | None = None,
        cancel_on_timeout: bool = False,
        cancel_on_abort: bool = False,
        progress: bool = False,
    ) -> AsyncVideoJob:
        """Waits until the job has ended and returns it as it is then. As ``client.video.wait(job, …)``."""
        return await self._client().wait(
            self,
            timeout=timeout,
            on_update=on_update,
            cancel_on_timeout=cancel_on_timeout,
            cancel_on_abort=cancel_on_abort,
            progress=progress,
        )

    async def cancel(self) -> CancelResult:
        """Cancels the job. As ``client.video.cancel(job)``."""
        return await self._client().cancel(self)

    async def download(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        timeout: float | None = None,
        on_progress: Callable[[int, int | None], Awaitable[object] | object] | None = None,
        progress: bool = False,
    ) -> Download:
        """Saves the job's video to a file. As ``client.video.download(job, path, …)``."""
        return await self._client().download(
            self, path, overwrite=overwrite, timeout=timeout, on_progress=on_progress, progress=progress
        )

    async def download_stream(self, *, timeout: float | None = None) -> AsyncDownloadStream:
        """Opens the job's video as an asynchronous iterator of ``bytes``. As ``client.video.download_stream(job, …)``."""
        return await self._client().download_stream(self, timeout=timeout)
