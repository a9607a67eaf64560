"""Requests against lateness: the polling policies of several clients, simulated with the scheduler and policy of the core itself."""

from __future__ import annotations

import subprocess

from frame import build, places
from frame.figures import Goal
from frame.report import Result

from .settings import Settings

FOLDER = places.BENCHES / "polling"
PACKAGE = "infrai-bench-polling"
PLOT = places.BENCHES / "polling.svg"


def run(settings: Settings) -> Result:
    """Lets the simulator print its tables as Markdown and draw its plot, and await ten thousand jobs; both are taken as they are."""
    build.programs(settings.profile, PACKAGE)
    program = str(places.program(PACKAGE, settings.profile))
    simulate = [program, "simulate", "--markdown"]
    simulate += ["--jobs", "50", "--seeds", "1"] if settings.smoke else ["--plot", str(PLOT)]
    simulate += ["--long"] if settings.long else ["--seeds", "1"]
    scale = [program, "scale", "--markdown", "--rate", "2000"]
    result, complaints = Result(), ""
    # In small it would wait for its jobs as long; the other sections await theirs in small too.
    for command in [simulate] if settings.smoke else [simulate, scale]:
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=places.ROOT, stdin=subprocess.DEVNULL)
        result.say(done.stdout.strip())
        complaints += done.stderr
    if settings.smoke:
        return result
    result.say(f"![Requests against lateness]({PLOT.name})")
    missed = [line.removeprefix("missed: ") for line in complaints.splitlines() if line.startswith("missed: ")]
    if missed:
        result.goals += [Goal(line, "in the tables", False, "what the tables say") for line in missed]
    else:
        result.goals.append(Goal("all goals of the simulation and of ten thousand waits", "in the tables", True))
    return result
