"""The blocking calls about the account."""

from __future__ import annotations

from ._results import Balance, TopupRecord
from ._video import _given  # pyright: ignore[reportPrivateUsage]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._client import InfraiClient


class Account:
    """The account's calls; ``client.account`` or ``account``."""

    __slots__ = ("_client",)

    def __init__(self, client: InfraiClient) -> None:
        self._client = client

    def balance(self) -> Balance:
        """What is left on the account: ``GET /v1/account/balance``.

        Raises:
            InfraiError: as every call.
        """
        return Balance(self._client._native.balance(None))  # pyright: ignore[reportPrivateUsage]

    def topup(
        self, amount_usd: float, *, return_url: str | None = None, idempotency_key: str | None = None
    ) -> TopupRecord:
        """Adds to the account: ``POST /v1/account/topup``. The record's ``next_action_url`` is where to pay.

        Args:
            amount_usd: how much, in US dollars; more than 0.
            return_url: where the payment page leads back to, an http(s) URL.
            idempotency_key: 1 to 255 visible ASCII characters. Default: a fresh one for each call.

        Raises:
            InvalidRequestError: an argument that cannot be sent, before anything is sent.
            InfraiError: as every call.
        """
        native = self._client._native  # pyright: ignore[reportPrivateUsage]
        options = _given(return_url=return_url, idempotency_key=idempotency_key)
        return TopupRecord(native.topup(None, amount_usd, options))
