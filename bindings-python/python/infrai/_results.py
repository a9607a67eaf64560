"""Results of calls: dicts of the API's fields, which are attributes too."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any, Literal, TypeVar, overload

    from ._async_job import AsyncVideoJob
    from ._job import VideoJob

    _Self = TypeVar("_Self", bound="ApiObject")
    _Dict = dict[str, Any]
else:
    _Dict = dict

# JSON schemas of the annotations of documented fields.
_JSON_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


class ApiObject(_Dict):
    """A dict whose fields are attributes too. A method takes precedence over a field of the same name.

    A documented field that the API omitted is ``None`` as an attribute and absent from the dict. ``json.dumps``,
    ``yaml.safe_dump`` and pydantic take the object as it is; ``to_dict()`` returns a plain dict.
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

    def to_dict(self) -> dict[str, Any]:
        """Returns a plain dict, with plain dicts inside."""
        return {
            name: value.to_dict() if isinstance(value, ApiObject) else value for name, value in self.items()
        }

    def copy(self: _Self) -> _Self:
        """Returns a shallow copy of the same class."""
        cls, arguments = self.__reduce__()
        copied: _Self = cls(*arguments)
        return copied

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)

    @property  # type: ignore[misc]
    def __class__(self):  # type: ignore[no-untyped-def]  # pyright: ignore
        """The class. PyYAML reads it, through ``isinstance``, before it looks for a representer.

        Its safe dumper refuses subclasses of dict that are not registered. This registers them without an import, also
        if the caller imports ``yaml`` after the object was made.
        """
        if "yaml" in sys.modules:
            _register_with_yaml(sys.modules["yaml"])
        return type(self)

    @classmethod
    def _from_fields(cls: type[_Self], fields: dict[str, Any]) -> _Self:
        return cls(fields)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Accepts an object of the class or a dict of its fields, and serializes as a dict."""
        from pydantic_core import core_schema

        fields = core_schema.no_info_after_validator_function(
            cls._from_fields, core_schema.dict_schema(core_schema.str_schema())
        )
        return core_schema.json_or_python_schema(
            json_schema=fields,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), fields]),
            serialization=core_schema.plain_serializer_function_ser_schema(cls.to_dict),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        """Describes the documented fields. The API may send others."""
        from inspect import get_annotations

        properties: dict[str, Any] = {}
        required: list[str] = []
        for base in reversed(cls.__mro__):
            for name, annotation in get_annotations(base).items():
                kind, _, optional = annotation.partition(" | ")
                # A private name, or an attribute that is no field.
                if name.startswith("_") or hasattr(cls, name) or kind not in (*_JSON_TYPES, "Any"):
                    continue
                field: dict[str, Any] = {"type": _JSON_TYPES[kind]} if kind in _JSON_TYPES else {}
                properties[name] = {"anyOf": [field, {"type": "null"}]} if optional else field
                if field and not optional:
                    required.append(name)
        return {
            "title": cls.__name__,
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": True,
        }


def _register_with_yaml(yaml: Any) -> None:
    for name in ("SafeDumper", "CSafeDumper"):
        dumper = getattr(yaml, name, None)
        # Both are absent while another thread imports the module.
        if dumper is not None and ApiObject not in dumper.yaml_multi_representers:
            dumper.add_multi_representer(ApiObject, dumper.represent_dict)


class CancelResult(ApiObject):
    """Result of a cancel request.

    Attributes:
        ok (bool): Whether the job is cancelled; ``False`` if it had ended otherwise.
    """

    __slots__ = ()
    ok: bool

    if TYPE_CHECKING:
        # Types of the documented fields; any other has the type that the API gave it.

        @overload
        def __getitem__(self, key: Literal["ok"], /) -> bool: ...
        @overload
        def __getitem__(self, key: Literal["_metadata"], /) -> dict[str, Any]: ...
        @overload
        def __getitem__(self, key: str, /) -> Any: ...
        def __getitem__(self, key: str, /) -> Any: ...

        @overload  # type: ignore[override]  # narrower than dict's
        def get(self, key: Literal["ok"], default: None = None, /) -> bool: ...
        @overload
        def get(self, key: Literal["_metadata"], default: None = None, /) -> dict[str, Any] | None: ...
        @overload
        def get(self, key: str, default: Any = None, /) -> Any: ...
        def get(self, key: str, default: Any = None, /) -> Any: ...  # pyright: ignore[reportIncompatibleMethodOverride]


class Capability(ApiObject):
    """A capability of the API. A field that the API omits, or sends with another type, is absent.

    Attributes:
        id (str): Id, such as ``"video.generate"``.
        method (str | None): HTTP method of its route.
        path (str | None): Path of its route, with ``{…}`` for each parameter.
        summary (str | None): Description in one line.
        available (bool | None): Whether it can be called at present.
        regions (list[str] | None): Regions that have it.
        vendors (list[str] | None): Vendors behind it.
        billing (dict[str, Any] | None): Price: ``is_billable``, ``free``, ``unit``, ``price_usd`` and ``currency``.
        parameters (dict[str, Any] | None): JSON Schema of its parameters.
        errors (list[dict[str, Any]] | None): Errors that it may return: ``code``, ``retryable``.
        examples (list[Any] | None): Examples, in the API's form.
    """

    __slots__ = ()
    _documented = (
        "id",
        "method",
        "path",
        "summary",
        "available",
        "regions",
        "vendors",
        "billing",
        "parameters",
        "errors",
        "examples",
    )
    id: str
    method: str | None
    path: str | None
    summary: str | None
    available: bool | None
    regions: list[str] | None
    vendors: list[str] | None
    billing: dict[str, Any] | None
    parameters: dict[str, Any] | None
    errors: list[dict[str, Any]] | None
    examples: list[Any] | None


class Discovery(ApiObject):
    """The capabilities of the API.

    Attributes:
        capabilities (list[Capability]): The capabilities, in the API's order.
    """

    __slots__ = ()
    capabilities: list[Capability]

    def __init__(self, fields: Mapping[str, Any]) -> None:
        super().__init__(fields)
        self["capabilities"] = [Capability(item) for item in self.get("capabilities", ())]

    def to_dict(self) -> dict[str, Any]:
        """Returns a plain dict, with plain dicts inside."""
        return {**self, "capabilities": [item.to_dict() for item in self.capabilities]}


class Balance(ApiObject):
    """Balance of the account.

    Attributes:
        balance_usd (float): Balance in US dollars.
        currency (str | None): Currency of the account, usually ``"USD"``.
    """

    __slots__ = ()
    _documented = ("currency",)
    balance_usd: float
    currency: str | None

    if TYPE_CHECKING:
        # Types of the documented fields; any other has the type that the API gave it.

        @overload
        def __getitem__(self, key: Literal["balance_usd"], /) -> float: ...
        @overload
        def __getitem__(self, key: Literal["currency"], /) -> str: ...
        @overload
        def __getitem__(self, key: Literal["_metadata"], /) -> dict[str, Any]: ...
        @overload
        def __getitem__(self, key: str, /) -> Any: ...
        def __getitem__(self, key: str, /) -> Any: ...

        @overload  # type: ignore[override]  # narrower than dict's
        def get(self, key: Literal["balance_usd"], default: None = None, /) -> float: ...
        @overload
        def get(self, key: Literal["currency"], default: None = None, /) -> str | None: ...
        @overload
        def get(self, key: Literal["_metadata"], default: None = None, /) -> dict[str, Any] | None: ...
        @overload
        def get(self, key: str, default: Any = None, /) -> Any: ...
        def get(self, key: str, default: Any = None, /) -> Any: ...  # pyright: ignore[reportIncompatibleMethodOverride]


class TopupRecord(ApiObject):
    """A top-up.

    Attributes:
        topup_id (str): Id of the top-up.
        amount_usd (float | None): Amount in US dollars.
        state (str | None): State when the API answered: ``"pending"`` until a person has paid; any other is the API's.
        next_action_url (str | None): Page on which a person pays this top-up. ``checkout_url`` of a 402 is the account's
            page instead, for any amount.
    """

    __slots__ = ()
    _documented = ("amount_usd", "state", "next_action_url")
    topup_id: str
    amount_usd: float | None
    state: str | None
    next_action_url: str | None

    if TYPE_CHECKING:
        # Types of the documented fields; any other has the type that the API gave it.

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

        @overload  # type: ignore[override]  # narrower than dict's
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


class ActivateResult(ApiObject):
    """An account and its key.

    ``repr``, ``str`` and log records mask the key. The items contain it, because callers store it: ``dict(result)``,
    ``to_dict()``, JSON, YAML and pydantic's output do too. Do not return the result to a browser.

    Attributes:
        ok (bool): Always ``True``; a failure raises.
        account_id (str | None): Id of the account.
        project_id (str | None): Id of its project.
        primary_api_key (str): Key of the project.
        trial_credit_usd (float | None): Trial credit in US dollars; unknown if nothing was sent, and ``None`` with an
            ``existing_profile``, whose account received it before.
        checkout_url (str | None): Page to add credit; unknown if nothing was sent.
        reused (bool): Whether the profile already had a key, so that nothing was sent.
        existing_profile (str | None): Another profile of this origin with a key of the same account: a device has one
            account per origin, with one balance.
        credentials_file (Path | None): File that stores the key, if any. Not an item of the dict.
        profile (str): Name of the profile in that file. Not an item of the dict.
    """

    __slots__ = ("_file", "_masked", "profile")
    _documented = ("account_id", "project_id", "trial_credit_usd", "checkout_url", "existing_profile")
    ok: bool
    account_id: str | None
    project_id: str | None
    primary_api_key: str
    trial_credit_usd: float | None
    checkout_url: str | None
    reused: bool
    existing_profile: str | None
    profile: str
    _masked: str
    _file: str | os.PathLike[str] | None

    def __init__(
        self,
        fields: Mapping[str, Any],
        masked: str = "…",
        profile: str = "default",
        file: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(fields)
        self._masked = masked
        self.profile = profile
        self._file = file

    @property
    def credentials_file(self) -> Path | None:
        """File that stores the key, if any."""
        from pathlib import Path

        return None if self._file is None else Path(self._file)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({ {**self, 'primary_api_key': self._masked} })"

    __str__ = __repr__

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self), self._masked, self.profile, self._file)


class ApiResponse(ApiObject):
    """Response of ``client.request(...)``.

    ``response["name"]``, ``response.get("name")``, ``in``, ``len`` and iteration read ``data``, and
    ``response["_metadata"]`` the metadata. It is true for any data. JSON, YAML and ``to_dict()`` give ``data``, in an
    object ``{"data": …}`` if it is none.

    Attributes:
        status (int): HTTP status.
        data (Any): Data of the envelope, or the whole body without one.
        metadata (dict[str, Any]): Metadata of the response: ``cost_usd``, ``latency_ms``, ….
    """

    __slots__ = ("data", "metadata", "status")
    status: int
    data: Any
    metadata: dict[str, Any]

    def __init__(self, status: int, data: Any, metadata: dict[str, Any]) -> None:
        super().__init__(data if isinstance(data, dict) else {"data": data})  # pyright: ignore[reportUnknownArgumentType]
        self.status = status
        self.data = data
        self.metadata = metadata

    def __getattr__(self, name: str) -> Any:
        # Data is read by item only: its fields may be called `status` or `data`.
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return sorted(object.__dir__(self))

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
        """Returns a field of ``data``, or the default if it is absent."""
        try:
            return self[key]
        except (KeyError, IndexError, TypeError):
            return default

    @classmethod
    def _from_fields(cls, fields: dict[str, Any]) -> ApiResponse:
        return cls(200, fields, {})

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.status, self.data, self.metadata)

    def __repr__(self) -> str:
        return f"ApiResponse(status={self.status}, data={self.data!r}, metadata={self.metadata!r})"


class SavedVideo(ApiObject):
    """File of an item of ``generate_many``. Usable as a path: ``open(saved)``, ``Path(saved)``.

    Attributes:
        path (Path): The file; ``saved["path"]`` is a ``str``.
        bytes (int): Length of the file.
        downloaded (bool): Whether this run downloaded it. ``False`` for a complete file of an earlier run.
    """

    __slots__ = ()
    bytes: int
    downloaded: bool

    def __init__(self, path: str | os.PathLike[str], length: int, downloaded: bool) -> None:
        super().__init__(path=str(path), bytes=length, downloaded=downloaded)

    @property
    def path(self) -> Path:
        """The file."""
        from pathlib import Path

        return Path(self["path"])

    @classmethod
    def _from_fields(cls, fields: dict[str, Any]) -> SavedVideo:
        return cls(fields["path"], fields["bytes"], fields["downloaded"])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self["path"], self["bytes"], self["downloaded"])

    def __fspath__(self) -> str:
        return str(self["path"])


class Download(ApiObject):
    """A finished download. Usable as a path: ``open(saved)``, ``Path(saved)``.

    Attributes:
        path (Path): The file; ``saved["path"]`` is a ``str``.
        bytes (int): Length of the file.
        job (VideoJob | AsyncVideoJob): The job of the video.
    """

    __slots__ = ()
    bytes: int
    job: VideoJob | AsyncVideoJob

    def __init__(self, path: str | os.PathLike[str], length: int, job: VideoJob | AsyncVideoJob) -> None:
        super().__init__(path=str(path), bytes=length, job=job)

    @property
    def path(self) -> Path:
        """The file."""
        from pathlib import Path

        return Path(self["path"])

    @classmethod
    def _from_fields(cls, fields: dict[str, Any]) -> Download:
        return cls(fields["path"], fields["bytes"], fields["job"])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self["path"], self["bytes"], self["job"])

    def __fspath__(self) -> str:
        return str(self["path"])

    def __repr__(self) -> str:
        return f"Download(path={self['path']!r}, bytes={self['bytes']})"
