"""What a section found, kept until it is measured again, and `RESULTS.md` made of all that is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .figures import Goal
from .places import CACHE


@dataclass
class Result:
    """A section's tables and goals. A table stands in `parts` as Markdown, between paragraphs."""

    parts: list[str] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    #: What did not run, and why: it is repeated at the end.
    failures: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.parts.append(text)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table whose columns but the first are numbers."""
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
    """Keeps a result; `about` says when and of what it was measured."""
    path = _kept(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"about": about, **asdict(result)}, ensure_ascii=False, indent=1))


def kept(name: str) -> tuple[str, Result] | None:
    """A result that was kept, and what it is about."""
    path = _kept(name)
    if not path.exists():
        return None
    told = json.loads(path.read_text())
    about = told.pop("about")
    goals = [Goal(**goal) for goal in told.pop("goals")]
    return about, Result(goals=goals, **told)


def assembled(machine: str, sections: Sequence[tuple[str, str]]) -> str:
    """`RESULTS.md`: the machine, the goals of all sections in one table, then each section's tables."""
    found = [(title, *told) for name, title in sections if (told := kept(name))]
    parts = [
        "# Results",
        "Made by `make bench`; [README.md](README.md) says how to read it. What counts are the ratios: each was measured side "
        "by side, in rounds that take turns, and stands as median (least..greatest) of the rounds. "
        "The figures themselves belong to this machine:",
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
