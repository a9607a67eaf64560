"""Async client."""

from __future__ import annotations

from ._arguments import as_dict, without_none
from ._async_account import AsyncAccount, AsyncActivation
from ._async_video import AsyncVideo
from ._client_base import ClientBase
from ._keywords import suggests_keywords
from ._loop import call
from ._results import ApiResponse, Capability, Discovery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, overload

    from ._types import QueryValue


@suggests_keywords
class AsyncInfraiClient(ClientBase, AsyncActivation):
    """Client of the Infrai API for asyncio's event loops and, through them, anyio.

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
        """The account: balance, topup and wait_for_credit."""
        return AsyncAccount(self)

    async def request(
        self,
        method: str,
        path: str,
        body: Any = ...,
        *,
        query: Mapping[str, QueryValue] | Iterable[tuple[str, QueryValue]] | None = None,
        idempotency_key: str | None = None,
    ) -> ApiResponse:
        """Calls any other route of the API, with the same key, retries, envelope and errors.

        >>> models = await client.request("GET", "/v1/models", query={"limit": 5})

        Args:
            method: ``"GET"``, ``"HEAD"``, ``"POST"``, ``"PUT"``, ``"PATCH"`` or ``"DELETE"``.
            path: Path below the base URL; starts with exactly one ``/``.
            body: Any JSON value. Default: no body.
            query: Parameters; ``None`` omits one, a list repeats it. Default: none.
            idempotency_key: 1 to 255 visible ASCII characters. Default: a new one per call but GET and HEAD.

        Raises:
            InvalidRequestError: An argument that cannot be sent, named with its path, before anything is sent.
            InfraiError: The other errors of a call.
        """
        sent = None if body is ... else (body,)
        native, options = self._native, without_none(idempotency_key=idempotency_key)
        return ApiResponse(
            *await call(
                lambda event_loop: native.request(event_loop, method, path, sent, as_dict(query), options)
            )
        )

    if TYPE_CHECKING:

        @overload
        async def discover(self, capability: None = None) -> Discovery: ...
        @overload
        async def discover(self, capability: str) -> Capability: ...

    async def discover(self, capability: str | None = None) -> Discovery | Capability:
        """Returns the API's capabilities with their routes, prices and parameters: ``GET /v1/discovery``.

        The call sends no key and needs none. A server may have no discovery.

        >>> generate = await client.discover("video.generate")
        >>> print(generate.path, generate.billing)

        Args:
            capability: Id of one capability, such as ``"video.generate"``. Default: all of them.

        Raises:
            InvalidRequestError: The id is empty, ``"."`` or ``".."``; nothing was sent.
            NotFoundError: The server does not have the capability, or no discovery.
            InfraiError: The other errors of a call that needs no key.
        """
        native = self._native
        fields = await call(lambda event_loop: native.discover(event_loop, capability))
        return Discovery(fields) if capability is None else Capability(fields)

    async def close(self) -> None:
        """Closes pooled connections. A later call opens new ones."""
        self._native.close()

    async def __aenter__(self) -> AsyncInfraiClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
