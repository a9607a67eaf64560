"""Types of arguments and events.

Documented values are literals beside ``str``, so that a value the API adds later passes a type check.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypedDict, Union

Aspect = Union[Literal["16:9", "9:16", "1:1"], str]
"""Aspect ratio of a video."""

Resolution = Union[Literal["720p", "1080p", "4k"], str]
"""Resolution of a video. The API decides which ones a vendor supports."""

Prefer = Union[Literal["balanced", "cheapest", "smartest"], str]
"""Optimization goal of the model choice."""

OnAmbiguous = Union[Literal["error", "retry"], str]
"""Handling of an item of a batch whose submission may have been processed."""

Region = Union[Literal["auto", "western", "china"], str]
"""Region of an account."""

ApiKey = Union[str, Callable[[], str], Callable[[], Awaitable[str]]]
"""A key, or a function that returns one. The client calls it once per call, and once more after a 401."""

JobLike = Union[str, Mapping[str, Any]]
"""The id of a job, or the job."""

QueryValue = Union[str, int, float, bool, list[Any], None]
"""A query parameter. A list repeats the parameter; ``None`` omits it."""


class ClientOptions(TypedDict, total=False):
    """Options of ``InfraiClient``, ``AsyncInfraiClient`` and ``configure``, beside the API key.

    An option that is absent or ``None`` comes from the environment, then from the profile, then from the default.
    """

    base_url: str | None
    """Address of the API. Default: ``INFRAI_BASE_URL``, else the profile's, else ``https://api.infrai.cc``."""
    profile: str | None
    """Profile of the credentials file. Default: ``INFRAI_PROFILE``, else ``"default"``."""
    credentials_file: str | os.PathLike[str] | None
    """Credentials file. Default: ``INFRAI_CREDENTIALS_FILE``, else ``~/.infrai/credentials``."""
    timeout: float | None
    """Limit of a call with all its retries, in seconds. Default: 60."""
    attempt_timeout: float | None
    """Limit of one attempt, in seconds. Default: 20."""
    connect_timeout: float | None
    """Limit of connecting within an attempt, in seconds. Default: 10."""
    download_idle_timeout: float | None
    """Limit of a download without a byte, in seconds. Default: 30."""
    max_retries: int | None
    """Number of retries after a failed attempt. Default: 2."""
    retry_base: float | None
    """Longest pause before the first retry, in seconds; doubled for each further one. Default: 0.5."""
    retry_cap: float | None
    """Longest pause before any retry, in seconds, unless the server asks for more. Default: 8."""
    max_connections: int | None
    """Connections in use at once. Further requests and downloads wait within their limits. Default: 256."""
    polling: PollingOptions | None
    """Polling of waits. Default: the defaults of ``PollingOptions``."""
    routes: Literal["auto", "jobs", "status"] | None
    """Routes of ``status`` and ``cancel``: ``"jobs"`` for ``/v1/video/jobs/{id}``, ``"status"`` for ``/v1/video/status/{id}``
    and ``/v1/video/cancel/{id}``, ``"auto"`` for those that the server turns out to have. Default: ``"auto"``."""
    default_headers: Mapping[str, str] | None
    """Headers of every call to the API. Default: none."""
    proxy: str | None
    """URL of a proxy. Default: ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``. Loopback hosts are
    never proxied."""
    ca_file: str | os.PathLike[str] | None
    """PEM file of trusted certificate authorities. Default: ``SSL_CERT_FILE``, ``SSL_CERT_DIR``,
    ``REQUESTS_CA_BUNDLE`` or ``CURL_CA_BUNDLE``, else the platform's."""
    user_agent_suffix: str | None
    """Text at the end of the ``User-Agent``. Default: none."""
    allow_insecure_http: bool | None
    """Permission for plain http to hosts other than loopback. Default: whether ``INFRAI_ALLOW_HTTP`` is ``1``."""
    on_request: Callable[[RequestEvent], object] | None
    """Hook before every attempt. It is a plain function for both clients, because no call waits for it.
    ``AsyncInfraiClient`` calls it in the event loop, where it may start a task. It runs in the context of its call, as
    a key function does. Default: none."""
    on_response: Callable[[ResponseEvent], object] | None
    """Hook after every attempt. An ``Exception`` of a hook goes to ``sys.unraisablehook``; Ctrl-C ends the call.
    Default: none."""


class _RequiredGenerateOptions(TypedDict):
    prompt: str
    """Description of the video; not empty."""


class GenerateOptions(_RequiredGenerateOptions, total=False):
    """An item of ``generate_many``: the options of ``generate``."""

    reference_image_url: str | None
    """Image to follow, an http(s) URL. Default: none."""
    duration_seconds: float | None
    """Length of the video, in seconds. Default: the API's."""
    aspect: Aspect | None
    """Aspect ratio: ``"16:9"``, ``"9:16"`` or ``"1:1"``. Default: the API's."""
    resolution: Resolution | None
    """Resolution: ``"720p"``, ``"1080p"`` or ``"4k"``. Default: ``"720p"``."""
    prefer: Prefer | None
    """Optimization goal: ``"balanced"``, ``"cheapest"`` or ``"smartest"``. Default: ``"balanced"``."""
    model: str | None
    """Name of a model. Default: the API's choice."""
    vendor: str | None
    """Name of a vendor. Default: the API's choice."""
    idempotency_key: str | None
    """1 to 255 visible ASCII characters. Default: from ``keys``, ``key_prefix`` or ``checkpoint``, else a new one
    per item."""


class PollingOptions(TypedDict, total=False):
    """Options of polling. An absent option has its default."""

    request_cost: float
    """Detection delay that one request is worth, in seconds; a lower cost polls more often. Default: 0.05."""
    min_interval: float
    """Shortest pause between two polls of a job, in seconds. Default: 0.25."""
    max_interval: float
    """Longest pause between two polls of a job, in seconds. Default: 30."""
    expected_duration: float
    """Usual duration of a job while none has been observed, in seconds. Default: 30."""
    refresh: float
    """Longest pause between two polls with ``on_update``, ``progress`` or ``watch``, in seconds. Default: 3."""
    jitter: float
    """Share by which a pause varies at random. Default: 0.1."""
    max_requests_per_second: float
    """Most polls per second over all waits of the client. Default: 20."""
    concurrency: int
    """Most polls in flight. Default: 32."""


class RequestEvent(TypedDict):
    """Argument of ``on_request``. It contains neither body nor key."""

    method: str
    """HTTP method."""
    path: str
    """Path of the request."""
    attempt: int
    """Number of the attempt; 1 for the first of a call."""


class ResponseEvent(RequestEvent):
    """Argument of ``on_response``. It contains neither body nor key."""

    status: int | None
    """HTTP status; ``None`` without a response."""
    latency: float
    """Duration of the attempt, in seconds."""
    request_id: str | None
    """The API's id of the request, if it sent one."""
