"""Settings of a run: quick, long or smoke."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Settings of a run. It is quick by default; a long run takes ten times as long; a smoke run only tests the benchmarks."""

    long: bool = False
    smoke: bool = False
    realtime: bool = False

    @property
    def profile(self) -> str:
        return "debug" if self.smoke else "release"

    def pick(self, smoke: int, quick: int, long: int) -> int:
        """Returns the count for this kind of run."""
        return smoke if self.smoke else long if self.long else quick

    @property
    def how(self) -> str:
        return ("long run" if self.long else "quick run") + (", real-time priority" if self.realtime else "")
