"""Async calls of the account."""

from __future__ import annotations

from ._arguments import wait_options, without_none
from ._keywords import suggests_keywords
from ._loop import call
from ._results import ActivateResult, Balance, TopupRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import EllipsisType
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
        """Starts a payment: a person pays at ``next_action_url``, and nothing is added before.

        ``POST /v1/account/topup``. The API documents no route for the state of a top-up: ``wait_for_credit`` waits for
        its credit. The API may bound the amount; the sandbox takes 1 to 10,000.

        >>> try:
        ...     job = await client.video.generate("a red kite", idempotency_key="order-1")
        ... except PaymentRequiredError:
        ...     before = (await client.account.balance()).balance_usd
        ...     print("pay at", (await client.account.topup(20)).next_action_url)
        ...     await client.account.wait_for_credit(before + 20)
        ...     job = await client.video.generate("a red kite", idempotency_key="order-1")

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

    async def wait_for_credit(self, min_usd: float, *, timeout: float | EllipsisType | None = ...) -> Balance:
        """Waits until the balance is at least ``min_usd``, and returns it: polls ``GET /v1/account/balance``.

        The first pause between two polls is 1 second, the longest 15 seconds.

        >>> await client.account.wait_for_credit(20, timeout=600)

        Args:
            min_usd: Balance in US dollars; more than 0.
            timeout: Limit of the wait, in seconds. Default: 1800 (half an hour); ``None``: no limit.

        Raises:
            InvalidRequestError: The amount is not a positive number; nothing was sent.
            WaitTimeoutError: The timeout passed. A payment that was started may still arrive. Also a ``TimeoutError``.
            InfraiError: The other errors of a call. Transient errors of a poll are retried until the timeout.
        """
        options = wait_options(timeout)
        native = self._client._native
        return Balance(await call(lambda event_loop: native.wait_for_credit(event_loop, min_usd, options)))
