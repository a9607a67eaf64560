"""The errors: one base, and a class for each kind that people catch."""

from __future__ import annotations

import builtins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._job import AsyncVideoJob, VideoJob


class InfraiError(Exception):
    """What every failed call raises.

    ``str(error)`` says what happened and what to do. No key is ever part of it.

    Attributes:
        kind (str): what kind of error it is, as in data: ``"payment_required"``, ``"wait_timeout"``, ….
        code (str): the API's stable code (``"INSUFFICIENT_CREDIT"``), ``"HTTP_503"`` where a failed response gave none,
            or the SDK's own (``"INVALID_ARGUMENT"``, ``"CONNECTION_FAILED"``, ``"WAIT_TIMEOUT"``, …).
        message (str): what happened, in words, without code and status.
        hint (str): what to do about it, in one sentence.
        status (int | None): the HTTP status, where there was a response.
        request_id (str | None): the API's id of the request, for its support.
        retryable (bool): whether the same call may succeed when made again unchanged; the SDK has then already tried.
        retry_after (float | None): how many seconds the server asked to wait.
        attempts (int): how many requests were sent for the call.
        idempotency_key (str | None): the key that was sent: a call repeated with it gives the same result and is
            charged once.
        may_have_been_processed (bool): whether the API may have carried the call out although no answer says so.
        details (Any): what else the API's error carried, or the facts behind an error of the SDK; else ``None``.
        checkout_url (str | None): where to pay, when the API said so.
        job (VideoJob | AsyncVideoJob | None): the job it is about, as last seen.
    """

    kind: str = "internal"
    code: str
    message: str
    hint: str
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
    """No key, or one that the API does not accept (401)."""

    kind = "authentication"


class PermissionError(InfraiError):
    """The key may not do this (403). Python's own ``PermissionError``, about files, is another class."""

    kind = "permission"


class PaymentRequiredError(InfraiError):
    """Money is needed first (402): ``checkout_url`` says where to pay, if the API said so."""

    kind = "payment_required"


class InvalidRequestError(InfraiError):
    """An argument was refused: by the SDK before anything was sent (``details`` names field, got and expected), or by
    the API (400, 413, 422)."""

    kind = "invalid_request"


class NotFoundError(InfraiError):
    """The thing asked for does not exist, or is another account's (404, 410)."""

    kind = "not_found"


class ConflictError(InfraiError):
    """The request contradicts an earlier one, such as another body under the same idempotency key (409)."""

    kind = "conflict"


class RateLimitError(InfraiError):
    """Too many requests (429): ``retry_after`` says how many seconds to wait, if the API said so."""

    kind = "rate_limit"


class ServerError(InfraiError):
    """The API, or what stands before it, failed (5xx)."""

    kind = "server"


class ConnectionError(InfraiError, builtins.ConnectionError):
    """The API could not be reached, or the connection broke. Also Python's own ``ConnectionError``."""

    kind = "connection"


class TimeoutError(InfraiError, builtins.TimeoutError):
    """No answer in time. Also Python's own ``TimeoutError``."""

    kind = "timeout"


class JobFailedError(InfraiError):
    """The job that was waited for failed: ``job`` is the job, with its ``error``."""

    kind = "job_failed"


class JobCancelledError(InfraiError):
    """The job that was waited for was cancelled: ``job`` is the job."""

    kind = "job_cancelled"


class WaitTimeoutError(InfraiError, builtins.TimeoutError):
    """The wait's own time ran out and the job goes on: ``job`` is the job as last seen. Also Python's own
    ``TimeoutError``."""

    kind = "wait_timeout"


class CredentialsError(InfraiError):
    """The credentials file cannot be read, written or understood."""

    kind = "credentials"


class ConfigurationError(InfraiError):
    """The client's settings, or the machine's, do not fit what was asked."""

    kind = "configuration"


class UnexpectedResponseError(InfraiError):
    """The API answered with something that is not its contract."""

    kind = "unexpected_response"


class InternalError(InfraiError):
    """A fault of the SDK itself: please report it."""

    kind = "internal"


class AbortedError(InfraiError):
    """The call was under way when the process forked; it goes on in the parent alone."""

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
        InternalError,
        AbortedError,
    )
}


def _make(text: str, fields: dict[str, Any]) -> InfraiError:  # pyright: ignore[reportUnusedFunction]
    """The error of the core's fields; called by the native module."""
    kind = fields.pop("kind")
    job = fields.pop("job", None)
    if job is not None:
        from ._job import VideoJob

        job = VideoJob(job)
    error = _CLASSES.get(kind, InfraiError)(fields.pop("message"), _text=text, job=job, **fields)
    error.kind = kind
    return error
