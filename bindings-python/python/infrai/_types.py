"""Types of arguments and events. The documented values are literals with ``str`` beside them: what the API learns
tomorrow type-checks today."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, TypedDict, Union

Aspect = Union[Literal["16:9", "9:16", "1:1"], str]
"""A video's aspect ratio."""

Resolution = Union[Literal["720p", "1080p", "4k"], str]
"""A video's resolution; which of them a vendor can do is for the API to say."""

Prefer = Union[Literal["balanced", "cheapest", "smartest"], str]
"""What to optimise for."""

Region = Union[Literal["auto", "western", "china"], str]
"""Where an account is to be."""

ApiKey = Union[str, Callable[[], str], Callable[[], Awaitable[str]]]
"""A key, or a function that gives one: asked once a call, and once more after a 401."""


class _Prompt(TypedDict):
    prompt: str


class GenerateOptions(_Prompt, total=False):
    """One of ``generate_many``'s items: the options of ``generate``."""

    reference_image_url: str | None
    duration_seconds: float | None
    aspect: Aspect | None
    resolution: Resolution | None
    prefer: Prefer | None
    model: str | None
    vendor: str | None
    idempotency_key: str | None


class PollingOptions(TypedDict, total=False):
    """How waits poll. What is left out keeps its default.

    ``price``: the seconds of lateness that one request is worth; less asks more often (0.05). ``min``, ``max``: the
    shortest and longest pause between two looks at a job, in seconds (0.25, 30). ``typical``: how long a job usually
    takes, in seconds, as long as nothing is known (30). ``jitter``: the share by which a pause varies (0.1). ``rate``:
    the most requests a second over all waits of the client (20). ``concurrency``: the most at once (32).
    """

    price: float
    min: float
    max: float
    typical: float
    jitter: float
    rate: float
    concurrency: int


class RequestEvent(TypedDict):
    """What ``on_request`` is told of an attempt: no body, no key. ``attempt`` is 1 for the first of a call."""

    method: str
    path: str
    attempt: int


class ResponseEvent(RequestEvent):
    """What ``on_response`` is told of an attempt: no body, no key. ``latency`` is in seconds; ``status`` is ``None``
    when no answer came."""

    status: int | None
    latency: float
    request_id: str | None
