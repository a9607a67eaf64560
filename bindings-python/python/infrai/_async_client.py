"""The awaitable client."""

from __future__ import annotations

from ._async_account import AsyncAccount
from ._async_video import AsyncVideo
from ._client import _ClientBase, _plain, activated  # pyright: ignore[reportPrivateUsage]
from ._loop import call
from ._results import ActivateResult, ApiResponse
from ._video import _given  # pyright: ignore[reportPrivateUsage]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from ._client import QueryValue
    from ._types import Region


class AsyncInfraiClient(_ClientBase):
    """A client of the Infrai API whose calls are awaited, on asyncio's event loops and, through them, anyio.

    One client serves any number of event loops, one after the other or side by side. Cancelling a task stops its
    request and its polling at once.
    """

    __slots__ = ()

    @property
    def video(self) -> AsyncVideo:
        """Videos: generate, status, cancel, wait, watch, download, download_stream, generate_many."""
        return AsyncVideo(self)

    @property
    def account(self) -> AsyncAccount:
        """The account: balance and topup."""
        return AsyncAccount(self)

    async def activate(
        self,
        *,
        region: Region = "auto",
        device_kind: str = "cli",
        write_credentials: bool = True,
        force: bool = False,
        profile: str | None = None,
    ) -> ActivateResult:
        """Makes this device an anonymous account with a trial credit, and stores its key: ``POST /v1/activate``.

        A profile that has a key for this base URL already is returned as it is, and nothing is sent.

        Args:
            region: ``"auto"``, ``"western"`` or ``"china"``.
            device_kind: what kind of device this is.
            write_credentials: whether to store the key in the credentials file.
            force: asks for a key even where the profile has one; the old one is kept under another name.
            profile: the profile to store it as. Default: the client's, else ``INFRAI_PROFILE``, else ``"default"``.

        Raises:
            CredentialsError: the file cannot be understood or written, before anything is sent.
            ConfigurationError: ``PROFILE_ORIGIN_MISMATCH``: the profile belongs to another address.
            InfraiError: as every call.
        """
        options = _given(
            region=region,
            device_kind=device_kind,
            write_credentials=write_credentials,
            force=force,
            profile=profile,
        )
        return activated(await call(lambda event_loop: self._native.activate(event_loop, options)))

    async def request(
        self,
        method: str,
        path: str,
        body: Any = ...,
        *,
        query: Mapping[str, QueryValue] | Iterable[tuple[str, QueryValue]] | None = None,
        idempotency_key: str | None = None,
    ) -> ApiResponse:
        """Any other route of the API, with the same key, retries, envelope and errors.

        Args:
            method: ``"GET"``, ``"HEAD"``, ``"POST"``, ``"PUT"``, ``"PATCH"`` or ``"DELETE"``.
            path: starts with exactly one ``/`` and goes below the base URL.
            body: anything that JSON can say; not given: none is sent.
            query: parameters; ``None`` leaves one out, a list repeats it.
            idempotency_key: 1 to 255 visible ASCII characters. Default: a fresh one for every call but GET and HEAD.

        Raises:
            InvalidRequestError: an argument that cannot be sent, named with its path, before anything is sent.
            InfraiError: as every call.
        """
        sent = None if body is ... else (body,)
        native, options = self._native, _given(idempotency_key=idempotency_key)
        return ApiResponse(
            *await call(
                lambda event_loop: native.request(event_loop, method, path, sent, _plain(query), options)
            )
        )

    async def close(self) -> None:
        """Gives the connections back. A later call opens new ones."""
        self._native.close()

    async def __aenter__(self) -> AsyncInfraiClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
