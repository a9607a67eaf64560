"""Results of the sections, kept until the next measurement, and `RESULTS.md` made of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .figures import Goal
from .places import CACHE


@dataclass
class Result:
    """Tables and goals of a section. `parts` holds its tables and paragraphs as Markdown."""

    parts: list[str] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    #: Clients that did not run, with the reason; repeated at the head of the results.
    failures: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.parts.append(text)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Adds a table. All its columns but the first hold numbers."""
        lines = [f"| {' | '.join(head)} |", f"| --- |{' ---: |' * (len(head) - 1)}"]
        lines += [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
        self.parts.append("\n".join(lines))

    def markdown(self) -> str:
        parts = list(self.parts)
        if self.goals:
            rows = [f"| {goal.text} | {goal.measured} | {goal.verdict} |" for goal in self.goals]
            parts.append("\n".join(["| goal | measured | |", "| --- | ---: | --- |", *rows]))
        return "\n\n".join(parts)


def _kept(name: str) -> Path:
    return CACHE / "results" / f"{name}.json"


def keep(name: str, about: str, result: Result) -> None:
    """Stores a result; `about` is its date, commit and kind of run."""
    path = _kept(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"about": about, **asdict(result)}, ensure_ascii=False, indent=1))


def kept(name: str) -> tuple[str, Result] | None:
    """Returns a stored result and its `about`."""
    path = _kept(name)
    if not path.exists():
        return None
    stored = json.loads(path.read_text())
    about = stored.pop("about")
    goals = [Goal(**goal) for goal in stored.pop("goals")]
    return about, Result(goals=goals, **stored)


def assembled(machine: str, sections: Sequence[tuple[str, str]]) -> str:
    """Returns the text of `RESULTS.md`: the machine, the goals of all sections in one table, then each section's tables."""
    found = [(title, *stored) for name, title in sections if (stored := kept(name))]
    parts = [
        "# Results",
        "Written by `make bench`; [README.md](README.md) explains how to read it. The ratios matter: the clients took turns in "
        "each round, and a ratio is the median (least..greatest) over the rounds. The other figures belong to this machine:",
        machine,
        "## Goals",
    ]
    rows = [
        f"| {title} | {goal.text} | {goal.measured} | {goal.verdict} |" for title, _, result in found for goal in result.goals
    ]
    parts.append("\n".join(["| section | goal | measured | |", "| --- | --- | ---: | --- |", *rows]))
    failures = [f"- {title}: {failure}" for title, _, result in found for failure in result.failures]
    if failures:
        parts += ["## What did not run", "\n".join(failures)]
    for title, about, result in found:
        parts += [f"## {title}", f"*{about}*", "\n\n".join(result.parts)]
    return "\n\n".join(parts) + "\n"
