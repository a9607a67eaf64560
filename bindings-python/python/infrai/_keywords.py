"""Suggestions for unknown keyword arguments."""

from __future__ import annotations

from functools import wraps
from inspect import iscoroutinefunction
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Class = TypeVar("Class", bound=type)


def suggests_keywords(cls: Class) -> Class:
    """Lets the ``TypeError`` of an unknown keyword argument name the known ones, in all public methods of a class."""
    for name, method in list(vars(cls).items()):
        if isinstance(method, FunctionType) and not name.startswith("_") and method.__kwdefaults__:
            setattr(cls, name, _suggesting(method))
    return cls


def _suggesting(method: Callable[..., Any]) -> Callable[..., Any]:
    if iscoroutinefunction(method):

        @wraps(method)
        async def call_async(*args: Any, **kwargs: Any) -> Any:
            try:
                awaitable = method(*args, **kwargs)
            except TypeError as error:
                raise _explained(error, method, kwargs) from None
            return await awaitable

        return call_async

    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except TypeError as error:
            # An error from within the method has a second frame.
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise
            raise _explained(error, method, kwargs) from None

    return call


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
