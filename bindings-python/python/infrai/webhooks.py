"""Verification of webhook deliveries.

>>> from infrai import webhooks
>>> event = webhooks.verify(body, request.headers.get("X-Infrai-Signature"), secret)
>>> if seen.add(event.id):
...     print(event.type, event.job)

Neither function sends anything, and neither needs a key. Both work in threads and on event loops.
"""

from __future__ import annotations

from . import _native
from ._results import ApiObject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, overload

    from ._job import VideoJob

__all__ = ["SeenEvents", "WebhookEvent", "verify"]


class WebhookEvent(ApiObject):
    """An event of a webhook: a dict whose fields are attributes too.

    The API does not document the fields of events. One that is absent or has another type is ``None`` as an attribute and
    absent from the dict; ``raw`` has all fields.

    Attributes:
        id (str | None): Id of the event, the same in each of its deliveries.
        type (str | None): Name of the event.
        created (str | None): Time of the event in the API's spelling.
        data (Any): Content of the event.
        job (VideoJob | None): The job, if ``data`` or its field ``job`` is one. It has no client: pass it to the calls of
            ``client.video``.
        raw (dict[str, Any]): All fields of the body.
    """

    __slots__ = ()
    _documented = ("id", "type", "created", "data", "job")
    id: str | None
    type: str | None
    created: str | None
    data: Any
    job: VideoJob | None
    raw: dict[str, Any]

    if TYPE_CHECKING:
        # Types of the documented fields.

        @overload
        def __getitem__(self, key: Literal["id", "type", "created"], /) -> str: ...
        @overload
        def __getitem__(self, key: Literal["job"], /) -> VideoJob: ...
        @overload
        def __getitem__(self, key: Literal["raw"], /) -> dict[str, Any]: ...
        @overload
        def __getitem__(self, key: str, /) -> Any: ...
        def __getitem__(self, key: str, /) -> Any: ...


def verify(
    body: bytes | bytearray | memoryview | str, header: str | bytes | None, secret: str | bytes
) -> WebhookEvent:
    """Verifies the signature of a delivery and returns its event. Compares in constant time.

    >>> event = webhooks.verify(await request.body(), request.headers.get("x-infrai-signature"), secret)
    >>> print(event.id, event.type)

    Args:
        body: The body as it was received, byte for byte. A parsed and rewritten body has another signature. A ``str``
            counts as UTF-8.
        header: Value of the header ``X-Infrai-Signature``, or ``None`` if the request has none: 64 hexadecimal digits in
            any case, with or without ``sha256=`` before them.
        secret: Secret of the webhook's registration.

    Returns:
        The event.

    Raises:
        WebhookVerificationError: The secret is empty, the signature is missing, malformed or of another body or secret,
            or the body is no JSON object. ``details["reason"]`` says which. It contains neither secret nor signature.
        InvalidRequestError: An argument has another type, such as a parsed body.
    """
    event = WebhookEvent(_native.verify_webhook(body, header, secret))
    if "job" in event:
        from ._job import VideoJob

        event["job"] = VideoJob(event["job"])
    return event


class SeenEvents:
    """A memory of event ids, bounded in size and time, so that a receiver handles each event once.

    The API delivers an event at least once, and an attacker may repeat a recorded delivery: the signature covers no time.
    The memory belongs to the process. Several processes, or a restart, need a shared store, such as a unique column of a
    database. Usable from several threads.

    >>> seen = webhooks.SeenEvents()
    >>> if seen.add(event.id):
    ...     handle(event)

    Args:
        capacity: Number of ids; a full memory forgets the oldest one. Default: 10 000, about 1.2 MB.
        ttl: Seconds for which it remembers an id. Default: 86 400, a day.

    Raises:
        InvalidRequestError: ``capacity`` is less than 1, or ``ttl`` is not more than 0.
    """

    __slots__ = ("_native",)

    def __init__(self, capacity: int | None = None, ttl: float | None = None) -> None:
        self._native = _native.SeenEvents(capacity, ttl)

    def add(self, id: str) -> bool:
        """Adds an id and returns whether it is new. Of several threads that add the same id, one gets ``True``.

        Args:
            id: Id of the event. For an event without one: the body as text.

        Raises:
            InvalidRequestError: The id is no text.
        """
        return self._native.add(id)

    def remove(self, id: str) -> None:
        """Forgets an id, so that the next delivery of its event counts as new. For an event whose handling failed.

        Args:
            id: Id of the event.

        Raises:
            InvalidRequestError: The id is no text.
        """
        self._native.remove(id)
