"""Suggestions for unknown keyword arguments."""

from __future__ import annotations

# ``typing``, ``inspect`` and ``functools`` take longer to import than the package.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    Class = TypeVar("Class", bound=type)

#: ``inspect.CO_COROUTINE``.
_COROUTINE = 0x80


def suggests_keywords(cls: Class) -> Class:
    """Lets the ``TypeError`` of an unknown keyword argument name the known ones, in all public methods of a class."""
    for name, method in list(vars(cls).items()):
        if not name.startswith("_") and getattr(method, "__kwdefaults__", None):
            setattr(cls, name, _suggesting(method))
    return cls


def _suggesting(method: Callable[..., Any]) -> Callable[..., Any]:
    if method.__code__.co_flags & _COROUTINE:

        async def call_async(*args: Any, **kwargs: Any) -> Any:
            try:
                awaitable = method(*args, **kwargs)
            except TypeError as error:
                raise _explained(error, method, kwargs) from None
            return await awaitable

        return _wraps(call_async, method)

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except TypeError as error:
            # An error from within the method has a second frame.
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise
            raise _explained(error, method, kwargs) from None

    return _wraps(call, method)


def _wraps(call: Any, method: Callable[..., Any]) -> Callable[..., Any]:
    for name in ("__module__", "__name__", "__qualname__", "__doc__", "__annotations__"):
        setattr(call, name, getattr(method, name))
    call.__wrapped__ = method
    wrapped: Callable[..., Any] = call
    return wrapped


def _explained(error: TypeError, method: Callable[..., Any], kwargs: dict[str, Any]) -> TypeError:
    from ._native import unknown_option

    code = method.__code__
    known = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    unknown = next((name for name in kwargs if name not in known), None)
    if unknown is None:
        return error
    return TypeError(
        f"{method.__qualname__}() got an unexpected keyword argument {unknown!r}: {unknown_option(unknown, list(known))}"
    )
