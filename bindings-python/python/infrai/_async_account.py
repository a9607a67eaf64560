"""Async calls of the account."""

from __future__ import annotations

from ._arguments import without_none
from ._keywords import suggests_keywords
from ._loop import call
from ._results import ActivateResult, Balance, TopupRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from ._async_client import AsyncInfraiClient
    from ._native import Client
    from ._types import Region

    class _HasNative(Protocol):
        @property
        def _native(self) -> Client: ...


@suggests_keywords
class AsyncActivation:
    """The call that creates an account."""

    __slots__ = ()

    async def activate(
        self: _HasNative,
        *,
        region: Region = "auto",
        device_kind: str = "cli",
        write_credentials: bool = True,
        force: bool = False,
        profile: str | None = None,
    ) -> ActivateResult:
        """Creates an anonymous account with a trial credit for this device: ``POST /v1/activate``.

        Stores the key in ``~/.infrai/credentials``, or the client's credentials file, and uses it from then on. If
        the profile already has a key for this base URL, returns that one and sends nothing.

        >>> account = await client.activate(region="western")
        >>> print(account.trial_credit_usd, account.checkout_url)

        Args:
            region: ``"auto"``, ``"western"`` or ``"china"``.
            device_kind: Kind of the device.
            write_credentials: Whether to store the key in the credentials file.
            force: Creates a key even if the profile has one; the old one is kept under another name.
            profile: Profile that stores the key. Default: the client's, else ``INFRAI_PROFILE``, else ``"default"``.

        Raises:
            CredentialsError: The file cannot be understood or written; nothing was sent.
            ConfigurationError: ``PROFILE_ORIGIN_MISMATCH``: the profile belongs to another address.
            InfraiError: The other errors of a call.
        """
        options = without_none(
            region=region,
            device_kind=device_kind,
            write_credentials=write_credentials,
            force=force,
            profile=profile,
        )
        native = self._native
        return ActivateResult(*await call(lambda event_loop: native.activate(event_loop, options)))


@suggests_keywords
class AsyncAccount:
    """Calls of the account; ``client.account``."""

    __slots__ = ("_client",)

    def __init__(self, client: AsyncInfraiClient) -> None:
        self._client = client

    async def balance(self) -> Balance:
        """Returns the account's balance: ``GET /v1/account/balance``.

        >>> print((await client.account.balance()).balance_usd)

        Raises:
            InfraiError: The errors of a call.
        """
        return Balance(await call(self._client._native.balance))

    async def topup(
        self, amount_usd: float, *, return_url: str | None = None, idempotency_key: str | None = None
    ) -> TopupRecord:
        """Adds money to the account: ``POST /v1/account/topup``. The payment continues at ``next_action_url``.

        >>> print((await client.account.topup(20)).next_action_url)

        Args:
            amount_usd: Amount in US dollars; more than 0.
            return_url: Address to which the payment page returns, an http(s) URL. Default: none.
            idempotency_key: 1 to 255 visible ASCII characters. Default: a new one per call.

        Raises:
            InvalidRequestError: An argument that cannot be sent; nothing was sent.
            InfraiError: The other errors of a call.
        """
        options = without_none(return_url=return_url, idempotency_key=idempotency_key)
        native = self._client._native
        return TopupRecord(await call(lambda event_loop: native.topup(event_loop, amount_usd, options)))
