"""How thorough a run is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Quick by default; `LONG=1` takes ten times as long; the smoke test counts to two and measures nothing."""

    long: bool = False
    smoke: bool = False
    realtime: bool = False

    @property
    def profile(self) -> str:
        return "debug" if self.smoke else "release"

    def pick(self, smoke: int, quick: int, long: int) -> int:
        """A count, by how thorough this run is."""
        return smoke if self.smoke else long if self.long else quick

    @property
    def how(self) -> str:
        return ("long run" if self.long else "quick run") + (", real-time priority" if self.realtime else "")
