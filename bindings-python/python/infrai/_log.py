"""Log records of the core, for the logger ``infrai``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def emit(records: list[tuple[int, str, dict[str, Any]]]) -> None:
    """Logs records of the core; called by the native module. ``record.infrai`` has the fields."""
    # Here, so that a client loads this module early without that of `logging`, which the application has loaded by now.
    from logging import getLogger

    logger = getLogger("infrai")
    for level, message, fields in records:
        if logger.isEnabledFor(level):
            pairs = " ".join(f"{name}={value}" for name, value in fields.items())
            logger.log(level, "%s", f"{message} {pairs}" if pairs else message, extra={"infrai": fields})
