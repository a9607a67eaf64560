"""The core's log, handed to the logger ``infrai``."""

from __future__ import annotations

import logging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_logger = logging.getLogger("infrai")


def emit(records: list[tuple[int, str, dict[str, Any]]]) -> None:
    """Logs what the core wrote down; called by the native module. A record's fields are in ``record.infrai``."""
    for level, message, fields in records:
        if _logger.isEnabledFor(level):
            said = " ".join(f"{name}={value}" for name, value in fields.items())
            _logger.log(level, "%s", f"{message} {said}" if said else message, extra={"infrai": fields})
