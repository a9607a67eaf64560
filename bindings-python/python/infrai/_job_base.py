"""Fields and presentation that both kinds of job share."""

from __future__ import annotations

from . import _native
from ._errors import ConfigurationError
from ._results import ApiObject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, overload


class JobBase(ApiObject):
    """Base of both kinds of job."""

    __slots__ = ("_client",)
    _documented = (
        "job_id",
        "state",
        "video_url",
        "thumbnail_url",
        "error",
        "progress",
        "cost_usd",
        "refunded_usd",
    )
    job_id: str
    state: str
    video_url: str | None
    thumbnail_url: str | None
    error: Any
    progress: float | None
    cost_usd: float | None
    refunded_usd: float | None

    if TYPE_CHECKING:
        # Types of the documented fields; any other has the type that the API gave it.

        @overload
        def __getitem__(self, key: Literal["job_id", "state"], /) -> str: ...
        @overload
        def __getitem__(self, key: Literal["video_url", "thumbnail_url"], /) -> str: ...
        @overload
        def __getitem__(self, key: Literal["progress", "cost_usd", "refunded_usd"], /) -> float: ...
        @overload
        def __getitem__(self, key: Literal["_metadata"], /) -> dict[str, Any]: ...
        @overload
        def __getitem__(self, key: str, /) -> Any: ...
        def __getitem__(self, key: str, /) -> Any: ...

        @overload  # type: ignore[override]  # narrower than dict's
        def get(self, key: Literal["job_id", "state"], default: None = None, /) -> str: ...
        @overload
        def get(self, key: Literal["video_url", "thumbnail_url"], default: None = None, /) -> str | None: ...
        @overload
        def get(
            self, key: Literal["progress", "cost_usd", "refunded_usd"], default: None = None, /
        ) -> float | None: ...
        @overload
        def get(self, key: Literal["_metadata"], default: None = None, /) -> dict[str, Any] | None: ...
        @overload
        def get(self, key: str, default: Any = None, /) -> Any: ...
        def get(self, key: str, default: Any = None, /) -> Any: ...  # pyright: ignore[reportIncompatibleMethodOverride]

    @property
    def done(self) -> bool:
        """Whether the job has ended, in success or otherwise."""
        return _native.is_done(self["state"])

    def _require_client(self) -> Any:
        try:
            # Not `self._client`: without a client, that reads a field of this name.
            return object.__getattribute__(self, "_client")
        except AttributeError:
            raise ConfigurationError(
                "this job has no client: it was pickled, copied or put together by hand",
                code="CONFIGURATION_INVALID",
                hint="Use client.video with its job_id instead.",
            ) from None

    def _repr_html_(self) -> str:
        """Returns the notebook form: the video once there is one, else a line with the state."""
        from html import escape

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
