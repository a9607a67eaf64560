"""Infrai's SDK for Python: turn a sentence into a video.

>>> from infrai import ai, infra
>>> infra.activate()                                    # once per device: an account with a trial credit
>>> job = ai.video.generate("a timelapse of a city skyline at dusk", resolution="1080p")
>>> ai.video.wait(job["job_id"], progress=True).download("skyline.mp4")

``ai``, ``infra`` and ``account`` share one default client, created at first use; ``configure(...)`` replaces it.
``InfraiClient(...)`` and ``AsyncInfraiClient(...)`` create separate clients.

============================ ==================================================================================
a batch, once paid           ``ai.video.generate_many(prompts, checkpoint="b.jsonl", output_dir="videos")``
a rerun after a crash        the same call with the same checkpoint, ``key_prefix`` or ``idempotency_key``
out of credit                ``PaymentRequiredError.checkout_url``; after the payment, the same call again
any other failure            ``InfraiError``: ``code``, ``hint``, ``may_have_been_processed``, ``idempotency_key``
several at once, cancel one  ``AsyncInfraiClient`` and tasks: ``job.wait(cancel_on_abort=True)``
a web route with events      ``async for job in AsyncInfraiClient().video.watch(job_id)``
offline tests, faults        ``infrai.testing.Sandbox``
============================ ==================================================================================

The folder ``docs`` of the package has the documentation of this version as Markdown: ``python -m infrai docs``
lists the pages, and ``python -m infrai docs errors`` prints one. ``help(infrai.testing)`` describes the sandbox,
for tests without a network and without cost.

The package loads each module at first use, so that its import costs about a millisecond.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._account import Account as Account
    from ._async_account import AsyncAccount as AsyncAccount
    from ._async_client import AsyncInfraiClient as AsyncInfraiClient
    from ._async_job import AsyncVideoJob as AsyncVideoJob
    from ._async_video import AsyncDownloadStream as AsyncDownloadStream
    from ._async_video import AsyncGenerateMany as AsyncGenerateMany
    from ._async_video import AsyncGenerateManyItem as AsyncGenerateManyItem
    from ._async_video import AsyncVideo as AsyncVideo
    from ._async_video import AsyncWatch as AsyncWatch
    from ._client import InfraiClient as InfraiClient
    from ._default import account as account
    from ._default import ai as ai
    from ._default import configure as configure
    from ._default import infra as infra
    from ._errors import AbortedError as AbortedError
    from ._errors import AuthenticationError as AuthenticationError
    from ._errors import ConfigurationError as ConfigurationError
    from ._errors import ConflictError as ConflictError
    from ._errors import ConnectionError as ConnectionError
    from ._errors import CredentialsError as CredentialsError
    from ._errors import InfraiError as InfraiError
    from ._errors import InternalError as InternalError
    from ._errors import InvalidRequestError as InvalidRequestError
    from ._errors import JobCancelledError as JobCancelledError
    from ._errors import JobFailedError as JobFailedError
    from ._errors import NotFoundError as NotFoundError
    from ._errors import PaymentRequiredError as PaymentRequiredError
    from ._errors import PermissionError as PermissionError
    from ._errors import RateLimitError as RateLimitError
    from ._errors import ServerError as ServerError
    from ._errors import TimeoutError as TimeoutError
    from ._errors import UnexpectedResponseError as UnexpectedResponseError
    from ._errors import WaitTimeoutError as WaitTimeoutError
    from ._errors import WebhookVerificationError as WebhookVerificationError
    from ._job import VideoJob as VideoJob
    from ._results import ActivateResult as ActivateResult
    from ._results import ApiResponse as ApiResponse
    from ._results import Balance as Balance
    from ._results import CancelResult as CancelResult
    from ._results import Capability as Capability
    from ._results import Discovery as Discovery
    from ._results import Download as Download
    from ._results import SavedVideo as SavedVideo
    from ._results import TopupRecord as TopupRecord
    from ._types import Aspect as Aspect
    from ._types import ClientOptions as ClientOptions
    from ._types import GenerateOptions as GenerateOptions
    from ._types import OnAmbiguous as OnAmbiguous
    from ._types import PollingOptions as PollingOptions
    from ._types import Prefer as Prefer
    from ._types import Region as Region
    from ._types import RequestEvent as RequestEvent
    from ._types import Resolution as Resolution
    from ._types import ResponseEvent as ResponseEvent
    from ._video import DownloadStream as DownloadStream
    from ._video import GenerateMany as GenerateMany
    from ._video import GenerateManyItem as GenerateManyItem
    from ._video import Video as Video
    from ._video import Watch as Watch

    __version__: str

# Public names by module, loaded at first use (PEP 562).
_LAZY_ATTRS = {
    "_account": ("Account",),
    "_async_account": ("AsyncAccount",),
    "_async_client": ("AsyncInfraiClient",),
    "_async_job": ("AsyncVideoJob",),
    "_async_video": (
        "AsyncDownloadStream",
        "AsyncGenerateMany",
        "AsyncGenerateManyItem",
        "AsyncVideo",
        "AsyncWatch",
    ),
    "_client": ("InfraiClient",),
    "_default": ("account", "ai", "configure", "infra"),
    "_errors": (
        "AbortedError",
        "AuthenticationError",
        "ConfigurationError",
        "ConflictError",
        "ConnectionError",
        "CredentialsError",
        "InfraiError",
        "InternalError",
        "InvalidRequestError",
        "JobCancelledError",
        "JobFailedError",
        "NotFoundError",
        "PaymentRequiredError",
        "PermissionError",
        "RateLimitError",
        "ServerError",
        "TimeoutError",
        "UnexpectedResponseError",
        "WaitTimeoutError",
        "WebhookVerificationError",
    ),
    "_job": ("VideoJob",),
    "_native": ("__version__",),
    "_results": (
        "ActivateResult",
        "ApiResponse",
        "Balance",
        "CancelResult",
        "Capability",
        "Discovery",
        "Download",
        "SavedVideo",
        "TopupRecord",
    ),
    "_types": (
        "Aspect",
        "ClientOptions",
        "GenerateOptions",
        "OnAmbiguous",
        "PollingOptions",
        "Prefer",
        "Region",
        "RequestEvent",
        "Resolution",
        "ResponseEvent",
    ),
    "_video": ("DownloadStream", "GenerateMany", "GenerateManyItem", "Video", "Watch"),
}
_ATTR_TO_MODULE = {name: module for module, names in _LAZY_ATTRS.items() for name in names}
_MODULES = ("testing", "webhooks")

# `from infrai import *` does not shadow Python's own ConnectionError, PermissionError and TimeoutError.
__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]
    name
    for name in _ATTR_TO_MODULE
    if name not in ("ConnectionError", "PermissionError", "TimeoutError", "__version__")
]


def __getattr__(name: str) -> object:
    module = _ATTR_TO_MODULE.get(name)
    if module is None and name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    if module is None:
        return import_module(f"{__name__}.{name}")
    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_ATTR_TO_MODULE, *_MODULES})
