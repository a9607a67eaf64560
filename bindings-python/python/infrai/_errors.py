"""Exceptions: one base, and one class per kind."""

from __future__ import annotations

import builtins
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._async_job import AsyncVideoJob
    from ._job import VideoJob


class InfraiError(Exception):
    """Base of the errors of calls.

    ``str(error)`` describes the error and its remedy. It never contains a key.

    Attributes:
        kind (str): Kind of the error, as in data: ``"payment_required"``, ``"wait_timeout"``, ….
        code (str): The API's stable code (``"INSUFFICIENT_CREDIT"``), ``"HTTP_503"`` for a failed response without one,
            or the SDK's own (``"INVALID_ARGUMENT"``, ``"CONNECTION_FAILED"``, ``"WAIT_TIMEOUT"``, …).
        message (str): Description, without code and status.
        hint (str): Remedy, in one sentence.
        docs_url (str | None): The documentation's entry for the code. Tracebacks show it from Python 3.11 on.
        status (int | None): HTTP status, if there was a response.
        request_id (str | None): The API's id of the request, for its support.
        retryable (bool): Whether the same call may succeed unchanged. The SDK has already retried it.
        retry_after (float | None): Pause that the server asked for, in seconds.
        attempts (int): Number of requests that the call sent.
        idempotency_key (str | None): The key that was sent. A call repeated with it returns the same result and is
            charged once.
        may_have_been_processed (bool): Whether the API may have processed the call although no response says so.
        details (Any): Other content of the API's error, or facts of an error of the SDK; else ``None``.
        checkout_url (str | None): Payment page, if the API sent one.
        job (VideoJob | AsyncVideoJob | None): The job that the error concerns, in its last known state.
    """

    kind: str = "internal"
    code: str
    message: str
    hint: str
    docs_url: str | None
    status: int | None
    request_id: str | None
    retryable: bool
    retry_after: float | None
    attempts: int
    idempotency_key: str | None
    may_have_been_processed: bool
    details: Any
    checkout_url: str | None
    job: VideoJob | AsyncVideoJob | None

    def __init__(
        self,
        message: str = "",
        *,
        code: str = "INTERNAL",
        hint: str = "",
        docs_url: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
        attempts: int = 0,
        idempotency_key: str | None = None,
        may_have_been_processed: bool = False,
        details: Any = None,
        checkout_url: str | None = None,
        job: VideoJob | AsyncVideoJob | None = None,
        _text: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint
        self.docs_url = docs_url
        if docs_url and sys.version_info >= (3, 11):
            self.add_note(f"See {docs_url}")
        self.status = status
        self.request_id = request_id
        self.retryable = retryable
        self.retry_after = retry_after
        self.attempts = attempts
        self.idempotency_key = idempotency_key
        self.may_have_been_processed = may_have_been_processed
        self.details = details
        self.checkout_url = checkout_url
        self.job = job
        self._text = _text if _text is not None else f"{message} ({code})"

    def __str__(self) -> str:
        return f"{self._text}. {self.hint}" if self.hint else self._text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.message, dict(self.__dict__))


def _restore(kind: type[InfraiError], message: str, state: dict[str, Any]) -> InfraiError:
    error = kind(message)
    error.__dict__.update(state)
    return error


class AuthenticationError(InfraiError):
    """Missing or invalid key (401)."""

    kind = "authentication"


class PermissionError(InfraiError):
    """Insufficient permission of the key (403). Not a subclass of Python's ``PermissionError``, which concerns files."""

    kind = "permission"


class PaymentRequiredError(InfraiError):
    """Insufficient credit (402). ``checkout_url`` is the payment page, if the API sent one."""

    kind = "payment_required"


class InvalidRequestError(InfraiError):
    """Invalid argument. The SDK refused it before anything was sent (``details`` has field, got and expected), or the
    API did (400, 413, 422)."""

    kind = "invalid_request"


class NotFoundError(InfraiError):
    """Missing resource, or one of another account (404, 410)."""

    kind = "not_found"


class ConflictError(InfraiError):
    """Conflict with an earlier request, such as another body under the same idempotency key (409)."""

    kind = "conflict"


class RateLimitError(InfraiError):
    """Too many requests (429). ``retry_after`` is the pause in seconds, if the API sent one."""

    kind = "rate_limit"


class ServerError(InfraiError):
    """Failure of the API or of a gateway before it (5xx)."""

    kind = "server"


class ConnectionError(InfraiError, builtins.ConnectionError):
    """Unreachable API or broken connection. Also a ``ConnectionError`` of Python."""

    kind = "connection"


class TimeoutError(InfraiError, builtins.TimeoutError):
    """No response in time. Also a ``TimeoutError`` of Python."""

    kind = "timeout"


class JobFailedError(InfraiError):
    """Failed job. ``job`` is the job, with its ``error``."""

    kind = "job_failed"


class JobCancelledError(InfraiError):
    """Cancelled job. ``job`` is the job."""

    kind = "job_cancelled"


class WaitTimeoutError(InfraiError, builtins.TimeoutError):
    """Timeout of a wait. The job continues; ``job`` is its last known state. Also a ``TimeoutError`` of Python."""

    kind = "wait_timeout"


class CredentialsError(InfraiError):
    """Unreadable, unwritable or malformed credentials file."""

    kind = "credentials"


class ConfigurationError(InfraiError):
    """Unsuitable configuration of the client or the machine."""

    kind = "configuration"


class UnexpectedResponseError(InfraiError):
    """Response that violates the API's contract."""

    kind = "unexpected_response"


class WebhookVerificationError(InfraiError):
    """Delivery of a webhook without a valid signature, or whose body is no event. ``details["reason"]`` says why."""

    kind = "webhook_verification"


class InternalError(InfraiError):
    """Bug of the SDK. Please report it."""

    kind = "internal"


class AbortedError(InfraiError):
    """Call in progress when the process forked. It continues in the parent only."""

    kind = "aborted"


_CLASSES: dict[str, type[InfraiError]] = {
    cls.kind: cls
    for cls in (
        AuthenticationError,
        PermissionError,
        PaymentRequiredError,
        InvalidRequestError,
        NotFoundError,
        ConflictError,
        RateLimitError,
        ServerError,
        ConnectionError,
        TimeoutError,
        JobFailedError,
        JobCancelledError,
        WaitTimeoutError,
        CredentialsError,
        ConfigurationError,
        UnexpectedResponseError,
        WebhookVerificationError,
        InternalError,
        AbortedError,
    )
}


# Celery and pickle find a class by its module and name: those are the public ones.
for _cls in (InfraiError, *_CLASSES.values()):
    _cls.__module__ = "infrai"


def _from_native(text: str, fields: dict[str, Any]) -> InfraiError:  # pyright: ignore[reportUnusedFunction]
    """Creates the exception of the core's error; called by the native module.

    Its job, if any, is a dict of fields until the call gives it a client.
    """
    kind = fields.pop("kind")
    error = _CLASSES.get(kind, InfraiError)(fields.pop("message"), _text=text, **fields)
    error.kind = kind
    return error
