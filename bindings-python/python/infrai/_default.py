"""``ai``, ``infra`` and ``account``: the calls of one default client, made at first use."""

from __future__ import annotations

from ._account import Account
from ._video import Video

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from ._client import InfraiClient
    from ._results import ActivateResult
    from ._types import ApiKey, PollingOptions, Region, RequestEvent, ResponseEvent

_made: dict[str, InfraiClient] = {}


def client() -> InfraiClient:
    """The default client."""
    made = _made.get("client")
    if made is None:
        from ._client import InfraiClient

        made = _made.setdefault("client", InfraiClient())
    return made


def configure(
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
    """Replaces the default client of ``ai``, ``infra`` and ``account`` by one of these settings.

    The settings are those of ``InfraiClient``; what is left out is looked up as there. Jobs made before keep the client
    that made them.

    Raises:
        ConfigurationError, InvalidRequestError: a setting that can never work; the default client stays as it was.
    """
    from ._client import InfraiClient

    _made["client"] = InfraiClient(
        api_key,
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
        polling=polling,
        default_headers=default_headers,
        proxy=proxy,
        ca_file=ca_file,
        user_agent_suffix=user_agent_suffix,
        allow_insecure_http=allow_insecure_http,
        on_request=on_request,
        on_response=on_response,
    )


class _DefaultVideo(Video):
    """The calls about videos of the default client."""

    __slots__ = ()

    def __init__(self) -> None:
        pass

    @property
    def _client(self) -> InfraiClient:  # type: ignore[override]
        return client()

    def _own(self) -> Video:
        return Video(client())


class _DefaultAccount(Account):
    """The account's calls of the default client."""

    __slots__ = ()

    def __init__(self) -> None:
        pass

    @property
    def _client(self) -> InfraiClient:  # type: ignore[override]
        return client()


class _Ai:
    """What the API makes."""

    __slots__ = ()

    @property
    def video(self) -> Video:
        """Videos: generate, status, cancel, wait, watch, download, download_stream, generate_many."""
        return _video


class _Infra:
    """The device's account."""

    __slots__ = ()

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

        Writes ``~/.infrai/credentials``. A profile that has a key for this base URL already is returned as it is, and
        nothing is sent. The default client uses the key from now on.

        Args:
            region: ``"auto"``, ``"western"`` or ``"china"``.
            device_kind: what kind of device this is.
            write_credentials: whether to store the key in the credentials file.
            force: asks for a key even where the profile has one; the old one is kept under another name.
            profile: the profile to store it as. Default: ``INFRAI_PROFILE``, else ``"default"``.

        Raises:
            CredentialsError: the file cannot be understood or written, before anything is sent.
            ConfigurationError: ``PROFILE_ORIGIN_MISMATCH``: the profile belongs to another address.
            InfraiError: as every call.
        """
        return client().activate(
            region=region,
            device_kind=device_kind,
            write_credentials=write_credentials,
            force=force,
            profile=profile,
        )


_video = _DefaultVideo()
ai = _Ai()
infra = _Infra()
account: Account = _DefaultAccount()
