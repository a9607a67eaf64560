"""Log records of the core, for the logger ``infrai``."""

from __future__ import annotations

import logging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_logger = logging.getLogger("infrai")


def emit(records: list[tuple[int, str, dict[str, Any]]]) -> None:
    """Logs records of the core; called by the native module. ``record.infrai`` has the fields."""
    for level, message, fields in records:
        if _logger.isEnabledFor(level):
            pairs = " ".join(f"{name}={value}" for name, value in fields.items())
            _logger.log(level, "%s", f"{message} {pairs}" if pairs else message, extra={"infrai": fields})
