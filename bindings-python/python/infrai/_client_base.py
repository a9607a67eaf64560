"""Options and callbacks that both clients share."""

from __future__ import annotations

from . import _native
from ._arguments import as_dict, require_sync, without_none
from ._errors import InfraiError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar

    from typing_extensions import Unpack

    from ._types import ApiKey, ClientOptions

    _Self = TypeVar("_Self", bound="ClientBase")


class _Callback:
    """A function of the caller. Only the clients hold it."""

    __slots__ = ("__weakref__", "function")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function


class _WeakCallback:
    """Weak reference to a callback, for the native module.

    The garbage collector cannot see into the native module, so that a callback that references its client would leak
    it. A call in progress holds the client. Events of an abandoned call are dropped once the client is gone.
    """

    __slots__ = ("_callback",)

    def __init__(self, callback: _Callback) -> None:
        from weakref import ref

        self._callback = ref(callback)

    def __call__(self, *arguments: Any) -> Any:
        callback = self._callback()
        return None if callback is None else callback.function(*arguments)

    def __repr__(self) -> str:
        callback = self._callback()
        return "<function of a client that is gone>" if callback is None else repr(callback.function)


class ClientBase:
    """Base of both clients."""

    __slots__ = ("__weakref__", "_functions", "_native")
    _native: _native.Client
    _functions: list[_Callback]

    def __init__(self, api_key: ApiKey | None = None, **options: Unpack[ClientOptions]) -> None:
        """Creates a client with these options.

        An option that is absent comes from the environment, then from the profile, then from the default; an empty
        string counts as absent. A missing key is an error of the first call, not of the constructor.

        >>> client = InfraiClient("ifr_pk_proj_…", timeout=30, polling={"max_interval": 10})

        Args:
            api_key: Project key, or a plain or async function that returns one. Default: ``INFRAI_API_KEY``, else the
                profile's. The client calls a function once per call, and once more after a 401, in the context of
                that call: its ``contextvars``, the thread of a blocking call, the event loop of an awaited one. A
                wait calls it for each poll after its first.
            **options: ``base_url``, ``profile``, ``credentials_file``, ``timeout``, ``attempt_timeout``,
                ``connect_timeout``, ``download_idle_timeout``, ``max_retries``, ``retry_base``, ``retry_cap``,
                ``max_connections``, ``polling``, ``routes``, ``default_headers``, ``proxy``, ``ca_file``,
                ``user_agent_suffix``, ``allow_insecure_http``, ``on_request`` and ``on_response``; ``ClientOptions`` has their units and
                defaults.

        Raises:
            ConfigurationError, InvalidRequestError: An option that is unknown or can never work.
        """
        settings = without_none(api_key=api_key, **options)
        for name in ("on_request", "on_response"):
            require_sync(
                name, settings.get(name), ": no call waits for a hook, which may start a task of its own"
            )
        self._functions = []
        for name in ("api_key", "on_request", "on_response"):
            if callable(settings.get(name)):
                self._functions.append(_Callback(settings[name]))
                settings[name] = _WeakCallback(self._functions[-1])
        for name in ("polling", "default_headers"):
            if name in settings:
                settings[name] = as_dict(settings[name])
        self._native = _native.Client(settings)

    def with_options(
        self: _Self,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> _Self:
        """Returns the same client with other options for the calls made through it.

        >>> client.with_options(timeout=5, max_retries=0).account.balance()

        Args:
            timeout: Limit of a call with all its retries, in seconds. Default: the client's.
            max_retries: Number of retries after a failed attempt. Default: the client's.
            headers: Headers beside, or instead of, the client's own of the same names. Default: none.

        Raises:
            InvalidRequestError, ConfigurationError: An option that cannot work.
        """
        other = type(self).__new__(type(self))
        other._functions = self._functions
        other._native = self._native.with_options(
            without_none(timeout=timeout, max_retries=max_retries, headers=as_dict(headers))
        )
        return other

    @property
    def base_url(self) -> str:
        """Base URL of the calls."""
        return self._native.base_url()

    @property
    def spent_usd(self) -> float:
        """Sum of what the client's jobs cost, in US dollars: the known costs of jobs that it submitted, less refunds.

        A job that a repeated idempotency key returned again counts once. Clients of ``with_options`` share the sum. A
        child of ``fork()`` starts at 0.
        """
        return self._native.spent_usd()

    def __copy__(self: _Self) -> _Self:
        """Returns the client itself: it is immutable, and a copy would share its connections."""
        return self

    def __deepcopy__(self: _Self, _: object) -> _Self:
        """Returns the client itself, as a shallow copy does."""
        return self

    def __reduce__(self) -> Any:
        """Refuses: a pickle would carry the key."""
        raise TypeError(
            f"{type(self).__name__} cannot be pickled: it holds connections and may hold a key. Make a client in the "
            "process that uses it; under multiprocessing's fork, a child may use the parent's."
        )

    def __repr__(self) -> str:
        try:
            return f"<{type(self).__name__} base_url={self.base_url} api_key={self._native.key_hint()}>"
        except InfraiError as error:
            return f"<{type(self).__name__} {error.code}>"
