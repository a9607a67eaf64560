"""What calls give: dicts of what the API sent, whose fields are attributes too."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any, Literal, overload

    from ._job import AsyncVideoJob, VideoJob

    _Dict = dict[str, Any]
else:
    _Dict = dict


class Record(_Dict):
    """A dict whose fields are attributes too; methods win over fields of the same name.

    A documented field that the API left out is ``None`` as an attribute and absent from the dict.
    """

    __slots__ = ()
    _documented: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            if name in self._documented:
                return None
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}") from None

    def __dir__(self) -> list[str]:
        return sorted(
            {*super().__dir__(), *self._documented, *(name for name in self if name.isidentifier())}
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({super().__repr__()})"

    def copy(self) -> Any:
        """A shallow copy, of the same class."""
        return type(self)(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


class CancelResult(Record):
    """What a cancel answered.

    Attributes:
        ok (bool): whether the job is cancelled; ``False`` when it had ended otherwise.
    """

    __slots__ = ()
    ok: bool

    if TYPE_CHECKING:
        # What the documented fields are; any other is what the API made it.

        @overload
        def __getitem__(self, key: Literal["ok"], /) -> bool: ...
        @overload
        def __getitem__(self, key: Literal["_metadata"], /) -> dict[str, Any]: ...
        @overload
        def __getitem__(self, key: str, /) -> Any: ...
        def __getitem__(self, key: str, /) -> Any: ...

        @overload  # type: ignore[override]  # a dict's own says no more than these
        def get(self, key: Literal["ok"], default: None = None, /) -> bool: ...
        @overload
        def get(self, key: Literal["_metadata"], default: None = None, /) -> dict[str, Any] | None: ...
        @overload
        def get(self, key: str, default: Any = None, /) -> Any: ...
        def get(self, key: str, default: Any = None, /) -> Any: ...  # pyright: ignore[reportIncompatibleMethodOverride]


class Balance(Record):
    """What is left on the account.

    Attributes:
        balance_usd (float): in US dollars.
        currency (str | None): the currency the account is kept in, usually ``"USD"``.
    """

    __slots__ = ()
    _documented = ("currency",)
    balance_usd: float
    currency: str | None

    if TYPE_CHECKING:
        # What the documented fields are; any other is what the API made it.

        @overload
        def __getitem__(self, key: Literal["balance_usd"], /) -> float: ...
        @overload
        def __getitem__(self, key: Literal["currency"], /) -> str: ...
        @overload
        def __getitem__(self, key: Literal["_metadata"], /) -> dict[str, Any]: ...
        @overload
        def __getitem__(self, key: str, /) -> Any: ...
        def __getitem__(self, key: str, /) -> Any: ...

        @overload  # type: ignore[override]  # a dict's own says no more than these
        def get(self, key: Literal["balance_usd"], default: None = None, /) -> float: ...
        @overload
        def get(self, key: Literal["currency"], default: None = None, /) -> str | None: ...
        @overload
        def get(self, key: Literal["_metadata"], default: None = None, /) -> dict[str, Any] | None: ...
        @overload
        def get(self, key: str, default: Any = None, /) -> Any: ...
        def get(self, key: str, default: Any = None, /) -> Any: ...  # pyright: ignore[reportIncompatibleMethodOverride]


class TopupRecord(Record):
    """A top-up as the API recorded it.

    Attributes:
        topup_id (str): the top-up's id.
        amount_usd (float | None): how much, in US dollars.
        state (str | None): where it stands, as the API wrote it.
        next_action_url (str | None): where to go to complete the payment.
    """

    __slots__ = ()
    _documented = ("amount_usd", "state", "next_action_url")
    topup_id: str
    amount_usd: float | None
    state: str | None
    next_action_url: str | None

    if TYPE_CHECKING:
        # What the documented fields are; any other is what the API made it.

        @overload
        def __getitem__(self, key: Literal["topup_id"], /) -> str: ...
        @overload
        def __getitem__(self, key: Literal["amount_usd"], /) -> float: ...
        @overload
        def __getitem__(self, key: Literal["state", "next_action_url"], /) -> str: ...
        @overload
        def __getitem__(self, key: Literal["_metadata"], /) -> dict[str, Any]: ...
        @overload
        def __getitem__(self, key: str, /) -> Any: ...
        def __getitem__(self, key: str, /) -> Any: ...

        @overload  # type: ignore[override]  # a dict's own says no more than these
        def get(self, key: Literal["topup_id"], default: None = None, /) -> str: ...
        @overload
        def get(self, key: Literal["amount_usd"], default: None = None, /) -> float | None: ...
        @overload
        def get(self, key: Literal["state", "next_action_url"], default: None = None, /) -> str | None: ...
        @overload
        def get(self, key: Literal["_metadata"], default: None = None, /) -> dict[str, Any] | None: ...
        @overload
        def get(self, key: str, default: Any = None, /) -> Any: ...
        def get(self, key: str, default: Any = None, /) -> Any: ...  # pyright: ignore[reportIncompatibleMethodOverride]


class ActivateResult(Record):
    """An account, and the key for it. Its ``repr`` does not show the key.

    Attributes:
        ok (bool): always ``True``; a failure raises.
        account_id (str | None): the account.
        project_id (str | None): its project.
        primary_api_key (str): the project's key.
        trial_credit_usd (float | None): the trial credit in US dollars; not known when nothing was sent.
        checkout_url (str | None): where to add credit; not known when nothing was sent.
        reused (bool): whether the profile already had a key, so that nothing was sent.
        credentials_file (Path | None): the file that holds the key, if one does.
        profile (str): the profile's name in it.
    """

    __slots__ = ("_shown", "credentials_file", "profile")
    _documented = ("account_id", "project_id", "trial_credit_usd", "checkout_url")
    ok: bool
    account_id: str | None
    project_id: str | None
    primary_api_key: str
    trial_credit_usd: float | None
    checkout_url: str | None
    reused: bool
    credentials_file: Path | None
    profile: str
    _shown: str

    def __init__(
        self, fields: Mapping[str, Any], shown: str = "…", profile: str = "default", file: Path | None = None
    ) -> None:
        super().__init__(fields)
        self._shown = shown
        self.profile = profile
        self.credentials_file = file

    def __repr__(self) -> str:
        return f"{type(self).__name__}({ {**self, 'primary_api_key': self._shown} })"

    __str__ = __repr__

    def copy(self) -> ActivateResult:
        """A shallow copy."""
        return ActivateResult(self, self._shown, self.profile, self.credentials_file)

    def __reduce__(self) -> tuple[Any, ...]:
        return ActivateResult, (dict(self), self._shown, self.profile, self.credentials_file)


class ApiResponse:
    """What ``client.request(...)`` gives. ``response["name"]``, ``response.get("name")``, ``in``, ``len`` and iteration
    read ``data``, and ``response["_metadata"]`` the metadata. It is true whatever its data.

    Attributes:
        status (int): the HTTP status.
        data (Any): the envelope's data, or the whole body where there was no envelope.
        metadata (dict[str, Any]): what the response said about itself: ``cost_usd``, ``latency_ms``, ….
    """

    __slots__ = ("data", "metadata", "status")

    def __init__(self, status: int, data: Any, metadata: dict[str, Any]) -> None:
        self.status = status
        self.data = data
        self.metadata = metadata

    def __getitem__(self, key: Any) -> Any:
        return self.metadata if key == "_metadata" else self.data[key]

    def _items(self) -> Any:
        data: object = self.data
        if not isinstance(data, (dict, list, str)):
            raise TypeError(f"this response's data is {data!r}, which has no items: read response.data")
        return self.data

    def __contains__(self, key: object) -> bool:
        return key == "_metadata" or key in self._items()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items())

    def __len__(self) -> int:
        return len(self._items())

    def __bool__(self) -> bool:
        return True

    def get(self, key: str, default: Any = None) -> Any:
        """A field of ``data``, or the default where there is none."""
        try:
            return self[key]
        except (KeyError, IndexError, TypeError):
            return default

    def __repr__(self) -> str:
        return f"ApiResponse(status={self.status}, data={self.data!r}, metadata={self.metadata!r})"


class Download:
    """A finished download. Usable as a path: ``open(saved)``, ``Path(saved)``.

    Attributes:
        path (Path): where the file is.
        bytes (int): how long it is.
        job (VideoJob | AsyncVideoJob): the job it came from.
    """

    __slots__ = ("bytes", "job", "path")

    def __init__(self, path: Path, length: int, job: VideoJob | AsyncVideoJob) -> None:
        self.path = path
        self.bytes = length
        self.job = job

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def __repr__(self) -> str:
        return f"Download(path={os.fspath(self.path)!r}, bytes={self.bytes})"
