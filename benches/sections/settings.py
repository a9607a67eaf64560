"""How thorough a run is."""

from __future__ import annotations

from dataclasses import dataclass

from frame.workers import one_core


@dataclass(frozen=True)
class Settings:
    """Quick by default; `LONG=1` takes ten times as long; the smoke test counts to two and measures nothing."""

    long: bool = False
    smoke: bool = False
    #: Calls are compared on one core; else wherever the system puts clients and server.
    all_cores: bool = False

    @property
    def cores(self) -> set[int]:
        """The cores of clients and servers whose calls are compared; none means all."""
        return set() if self.all_cores or self.smoke else one_core()

    @property
    def profile(self) -> str:
        return "debug" if self.smoke else "release"

    def pick(self, smoke: int, quick: int, long: int) -> int:
        """A count, by how thorough this run is."""
        return smoke if self.smoke else long if self.long else quick

    @property
    def how(self) -> str:
        return ("long run" if self.long else "quick run") + (", all cores" if self.all_cores else "")
