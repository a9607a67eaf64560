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
    """Options of polling. An option that is left out has its default.

    ``request_cost``: seconds of detection delay that one request is worth; a lower cost polls more often (0.05).
    ``min_interval``, ``max_interval``: shortest and longest pause between two polls of a job, in seconds (0.25, 30).
    ``expected_duration``: usual duration of a job, in seconds, while none has been observed (30). ``refresh``: longest
    pause between two polls of a job whose progress is observed, in seconds: with ``on_update``, ``progress`` or
    ``watch`` (3). ``jitter``: share by which a pause varies at random (0.1). ``max_requests_per_second``: most polls
    per second over all waits of the client (20). ``concurrency``: most polls in flight (32).
    """

    request_cost: float
    min_interval: float
    max_interval: float
    expected_duration: float
    refresh: float
    jitter: float
    max_requests_per_second: float
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
