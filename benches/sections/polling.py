"""Requests against lateness: the polling policies of several clients, simulated with the scheduler and policy of the core itself."""

from __future__ import annotations

import subprocess

from frame import places
from frame.report import Result

from .settings import Settings

FOLDER = places.BENCHES / "polling"


def run(settings: Settings) -> Result:
    """Lets the simulator print its tables as Markdown; they are taken as they are."""
    flags = ["--release"] if settings.profile == "release" else []
    command = [
        places.CARGO,
        "run",
        "--locked",
        "--quiet",
        *flags,
        "--manifest-path",
        str(FOLDER / "Cargo.toml"),
        "--",
        "--markdown",
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=places.ROOT, stdin=subprocess.DEVNULL)
    result = Result()
    result.say(done.stdout.strip())
    return result
