"""The blocking client."""

from __future__ import annotations

from . import _native
from ._account import Account
from ._results import ActivateResult, ApiResponse
from ._video import (
    Video,
    _given,  # pyright: ignore[reportPrivateUsage]
)
from ._video import _plain as _not_async  # pyright: ignore[reportPrivateUsage]

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, TypeVar

    from ._types import ApiKey, PollingOptions, Region, RequestEvent, ResponseEvent

    _Self = TypeVar("_Self", bound="_ClientBase")
    QueryValue = str | int | float | bool | list[Any] | None


def activated(result: tuple[dict[str, Any], str, str, Any]) -> ActivateResult:
    """The native module's tuple as the result that people see."""
    from pathlib import Path

    fields, shown, profile, file = result
    return ActivateResult(fields, shown, profile, None if file is None else Path(file))


class _Held:
    """A function of the caller's, held by the clients alone."""

    __slots__ = ("__weakref__", "function")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function


class _Reaching:
    """What the native module, into which the garbage collector cannot see, holds in its place.

    A function that refers back to its client is so a cycle of Python's alone. Every call that is under way holds the
    client; news of one that was given up is told to nobody once the client is gone.
    """

    __slots__ = ("_held",)

    def __init__(self, held: _Held) -> None:
        from weakref import ref

        self._held = ref(held)

    def __call__(self, *given: Any) -> Any:
        held = self._held()
        return None if held is None else held.function(*given)

    def __repr__(self) -> str:
        held = self._held()
        return "<function of a client that is gone>" if held is None else repr(held.function)


class _ClientBase:
    """What both clients share: the settings."""

    __slots__ = ("__weakref__", "_functions", "_native")
    _native: _native.Client
    _functions: list[_Held]

    def __init__(
        self,
        api_key: ApiKey | None = None,
        *,
        base_url: str | None = None,
        profile: str | None = None,
        credentials_file: str | os.PathLike[str] | None = None,
        timeout: float | None = None,
        attempt_timeout: float | None = None,
        connect_timeout: float | None = None,
        download_idle_timeout: float | None = None,
        max_retries: int | None = None,
        retry_base: float | None = None,
        retry_cap: float | None = None,
        polling: PollingOptions | None = None,
        default_headers: Mapping[str, str] | None = None,
        proxy: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        user_agent_suffix: str | None = None,
        allow_insecure_http: bool | None = None,
        on_request: Callable[[RequestEvent], object] | None = None,
        on_response: Callable[[ResponseEvent], object] | None = None,
    ) -> None:
        """A client of these settings.

        A setting that is not given comes from the environment, then from the profile, then from the default; an empty
        string counts as not given. A missing key is an error of the first call, not of the constructor.

        Args:
            api_key: the project key (``INFRAI_API_KEY``; else the profile's), or a function that gives one, plain or async:
                asked once a call, and once more after a 401, in the context of that call: its ``contextvars``, the
                thread of a blocking call, the event loop of an awaited one. A wait asks again for each poll after its first.
            base_url: the API's address (``INFRAI_BASE_URL``; else the profile's, else ``https://api.infrai.cc``).
            profile: the table of the credentials file to use (``INFRAI_PROFILE``; else ``"default"``).
            credentials_file: the credentials file (``INFRAI_CREDENTIALS_FILE``; else ``~/.infrai/credentials``).
            timeout: how many seconds a call may take in all, retries included. Default: 60.
            attempt_timeout: how many seconds one attempt may take. Default: 20.
            connect_timeout: how many seconds of it may go into connecting. Default: 10.
            download_idle_timeout: how many seconds a download may go without a byte. Default: 30.
            max_retries: how many times a failed attempt may be made again. Default: 2.
            retry_base: the first retry comes after at most this many seconds, each further one after at most twice as many.
                Default: 0.5.
            retry_cap: no retry waits more seconds than this, unless the server asks for it. Default: 8.
            polling: how waits poll; see ``PollingOptions``.
            default_headers: headers for every call to the API.
            proxy: a proxy's URL, instead of ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``. Loopback hosts
                are never proxied.
            ca_file: a PEM file of certificate authorities to trust, instead of ``SSL_CERT_FILE``, ``SSL_CERT_DIR``,
                ``REQUESTS_CA_BUNDLE`` or the platform's.
            user_agent_suffix: words to put at the end of the ``User-Agent``.
            allow_insecure_http: allows plain http to hosts other than loopback (``INFRAI_ALLOW_HTTP=1``).
            on_request: called before every attempt with a dict; see ``RequestEvent``. A plain function for both clients,
                since no call waits for it; ``AsyncInfraiClient`` calls it in the event loop, where it may start a task. It
                runs in the context of its call, as ``api_key`` does.
            on_response: called after every attempt with a dict; see ``ResponseEvent``. An ``Exception`` of a
                hook goes to ``sys.unraisablehook``; Ctrl-C ends the call.

        Raises:
            ConfigurationError, InvalidRequestError: a setting that can never work.
        """
        for name, hook in (("on_request", on_request), ("on_response", on_response)):
            _not_async(name, hook, ": no call waits for a hook, which may start a task of its own")
        self._functions = []
        self._native = _native.Client(
            _given(
                api_key=self._reaching(api_key),
                base_url=base_url,
                profile=profile,
                credentials_file=credentials_file,
                timeout=timeout,
                attempt_timeout=attempt_timeout,
                connect_timeout=connect_timeout,
                download_idle_timeout=download_idle_timeout,
                max_retries=max_retries,
                retry_base=retry_base,
                retry_cap=retry_cap,
                polling=_plain(polling),
                default_headers=_plain(default_headers),
                proxy=proxy,
                ca_file=ca_file,
                user_agent_suffix=user_agent_suffix,
                allow_insecure_http=allow_insecure_http,
                on_request=self._reaching(on_request),
                on_response=self._reaching(on_response),
            )
        )

    def _reaching(self, given: Any) -> Any:
        if not callable(given):
            return given
        self._functions.append(_Held(given))
        return _Reaching(self._functions[-1])

    def with_options(
        self: _Self,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> _Self:
        """The same client with other settings for the calls made through what this returns.

        >>> client.with_options(timeout=5, max_retries=0).account.balance()

        Args:
            timeout: how many seconds a call may take in all.
            max_retries: how many times a failed attempt may be made again.
            headers: headers to send beside, or instead of, the client's own of the same names.

        Raises:
            InvalidRequestError, ConfigurationError: a setting that cannot work.
        """
        other = type(self).__new__(type(self))
        other._functions = self._functions
        other._native = self._native.with_options(
            _given(timeout=timeout, max_retries=max_retries, headers=_plain(headers))
        )
        return other

    @property
    def base_url(self) -> str:
        """The base URL that calls go to."""
        return self._native.base_url()

    def __copy__(self: _Self) -> _Self:
        """Itself: nothing about a client changes, and its copies would share its connections."""
        return self

    def __deepcopy__(self: _Self, _: object) -> _Self:
        """Itself, as a shallow copy."""
        return self

    def __reduce__(self) -> Any:
        """Refuses: a pickle would carry the key."""
        raise TypeError(
            f"{type(self).__name__} cannot be pickled: it holds connections and may hold a key. Make a client in the "
            "process that uses it; under multiprocessing's fork, a child may use the parent's."
        )

    def __repr__(self) -> str:
        from ._errors import InfraiError

        try:
            return f"<{type(self).__name__} base_url={self.base_url} api_key={self._native.key_hint()}>"
        except InfraiError as error:
            return f"<{type(self).__name__} {error.code}>"


class InfraiClient(_ClientBase):
    """A client of the Infrai API whose calls block.

    Safe to share between threads and processes: calls from many threads run side by side, and a child of ``fork()``
    opens connections of its own.
    """

    __slots__ = ()

    @property
    def video(self) -> Video:
        """Videos: generate, status, cancel, wait, watch, download, download_stream, generate_many."""
        return Video(self)

    @property
    def account(self) -> Account:
        """The account: balance and topup."""
        return Account(self)

    def activate(
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
        return activated(self._native.activate(None, options))

    def request(
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
        options = _given(idempotency_key=idempotency_key)
        return ApiResponse(*self._native.request(None, method, path, sent, _plain(query), options))

    def close(self) -> None:
        """Gives the connections back. A later call opens new ones."""
        self._native.close()

    def __enter__(self) -> InfraiClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _plain(mapping: Any) -> Any:
    """A mapping of any kind as a dict; what is none is for the native module to refuse by name."""
    return dict(mapping.items()) if hasattr(mapping, "items") else mapping
