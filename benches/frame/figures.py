"""Medians with their spreads, ratios of rounds, goals, and the format of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Spread:
    """The median, the smallest and the greatest of some values."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{number(self.middle)} ({number(self.least)}..{number(self.most)})"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Returns the spread of the ratios of both clients' rounds. A disturbance of a whole round is in both figures."""
    return Spread.of([one / other for one, other in zip(ours, theirs, strict=True)])


def number(value: float) -> str:
    """Formats a value with three significant digits and separated thousands."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}"


@dataclass(frozen=True)
class Goal:
    """A goal and its measurement."""

    text: str
    measured: str
    met: bool | None
    missed_by: str = ""

    @property
    def verdict(self) -> str:
        return "**not measured**" if self.met is None else "met" if self.met else f"**missed by {self.missed_by}**"


def _share(part: float) -> str:
    return f"{part * 100:.0f} %" if part >= 0.01 else "less than 1 %"


def at_least(text: str, measured: Spread | None, wanted: float) -> Goal:
    """Returns a goal for a ratio: its median is at least `wanted`."""
    text = f"{text} ≥ {wanted:g}"
    if measured is None:
        return Goal(text, "–", None)
    return Goal(text, str(measured), measured.middle >= wanted, _share(1 - measured.middle / wanted))


def at_most(text: str, measured: float | None, wanted: float, unit: str) -> Goal:
    """Returns a goal for a value: it is at most `wanted`."""
    text = f"{text} ≤ {wanted:g} {unit}".rstrip()
    if measured is None:
        return Goal(text, "–", None)
    return Goal(text, f"{number(measured)} {unit}".rstrip(), measured <= wanted, _share(measured / wanted - 1))
