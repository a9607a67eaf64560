"""``ai``, ``infra`` and ``account``: calls of one default client, created at first use."""

from __future__ import annotations

from ._account import Account, Activation
from ._video import Video

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._client import InfraiClient
    from ._native import Client
    from ._types import ApiKey, ClientOptions

_clients: dict[str, InfraiClient] = {}


def client() -> InfraiClient:
    """Returns the default client."""
    default = _clients.get("default")
    if default is None:
        from ._client import InfraiClient

        default = _clients.setdefault("default", InfraiClient())
    return default


def configure(api_key: ApiKey | None = None, **options: Unpack[ClientOptions]) -> None:
    """Replaces the default client of ``ai``, ``infra`` and ``account`` by one with these options.

    Jobs made earlier keep the client that made them.

    >>> configure("ifr_pk_proj_…", timeout=30)

    Args:
        api_key: As for ``InfraiClient``.
        **options: As for ``InfraiClient``; see ``ClientOptions``.

    Raises:
        ConfigurationError, InvalidRequestError: An option that is unknown or can never work. The default client stays
            as it was.
    """
    from ._client import InfraiClient

    _clients["default"] = InfraiClient(api_key, **options)


class _DefaultVideo(Video):
    """Calls of videos with the default client."""

    __slots__ = ()

    def __init__(self) -> None:
        pass

    @property
    def _client(self) -> InfraiClient:  # type: ignore[override]
        return client()


class _DefaultAccount(Account):
    """Calls of the account with the default client."""

    __slots__ = ()

    def __init__(self) -> None:
        pass

    @property
    def _client(self) -> InfraiClient:  # type: ignore[override]
        return client()


class _Ai:
    """Class of ``ai``: calls of models."""

    __slots__ = ()

    @property
    def video(self) -> Video:
        """Videos: generate, status, cancel, wait, watch, download, download_stream, generate_many."""
        return _video


class _Infra(Activation):
    """Class of ``infra``: the device's account."""

    __slots__ = ()

    @property
    def _native(self) -> Client:
        return client()._native


_video = _DefaultVideo()
ai = _Ai()
infra = _Infra()
account: Account = _DefaultAccount()
