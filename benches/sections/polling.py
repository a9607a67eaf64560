"""Requests against lateness of several clients' polling policies, simulated with the core's scheduler and policy."""

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
    """Runs the simulator, which also draws the plot, and ten thousand waits. Their Markdown goes into the results."""
    build.programs(settings.profile, PACKAGE)
    program = str(places.program(PACKAGE, settings.profile))
    simulate = [program, "simulate", "--markdown"]
    simulate += ["--jobs", "50", "--seeds", "1"] if settings.smoke else ["--plot", str(PLOT)]
    simulate += ["--long"] if settings.long else ["--seeds", "1"]
    scale = [program, "scale", "--markdown", "--rate", "2000"]
    result, complaints = Result(), ""
    # A small `scale` takes as long as a full one, and the other sections cover waits.
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
