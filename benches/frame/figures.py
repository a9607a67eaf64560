"""Figures: a median with its spread, ratios round by round, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Spread:
    """The median of some values, the smallest and the greatest."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{number(self.middle)} ({number(self.least)}..{number(self.most)})"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """How many times as much as theirs ours is, round by round: what disturbed a whole round is in both."""
    return Spread.of([one / other for one, other in zip(ours, theirs, strict=True)])


def number(value: float) -> str:
    """Three digits that count, thousands apart."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}"


@dataclass(frozen=True)
class Goal:
    """A goal, what was measured, and whether that is enough."""

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
    """A goal for a ratio: its median is no less than what is wanted."""
    text = f"{text} ≥ {wanted:g}"
    if measured is None:
        return Goal(text, "–", None)
    return Goal(text, str(measured), measured.middle >= wanted, _share(1 - measured.middle / wanted))


def at_most(text: str, measured: float | None, wanted: float, unit: str) -> Goal:
    """A goal for a value: it is no more than what is wanted."""
    text = f"{text} ≤ {wanted:g} {unit}".rstrip()
    if measured is None:
        return Goal(text, "–", None)
    return Goal(text, f"{number(measured)} {unit}".rstrip(), measured <= wanted, _share(measured / wanted - 1))
