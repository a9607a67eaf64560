"""Paths of the repository, its builds and the benchmarks' cache, and the workers' environment."""

from __future__ import annotations

import json
import os
import subprocess
from functools import cache
from pathlib import Path

BENCHES = Path(__file__).resolve().parent.parent
ROOT = BENCHES.parent
CACHE = ROOT / ".cache" / "bench"
CARGO = os.environ.get("CARGO", "cargo")


@cache
def target() -> Path:
    """Returns Cargo's target folder."""
    command = [CARGO, "metadata", "--no-deps", "--format-version", "1", "--manifest-path", str(ROOT / "Cargo.toml")]
    return Path(json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["target_directory"])


def program(name: str, profile: str) -> Path:
    """Returns the path of a program of this workspace, built in a profile: `release` or `debug`."""
    return target() / profile / (name + (".exe" if os.name == "nt" else ""))


def environment(**more: str) -> dict[str, str]:
    """Returns this process's environment without the variables that would configure a client, and with `more`."""
    unwanted = ("INFRAI_", "OPENAI_", "RUNWAYML_", "REPLICATE_", "FAL_", "LUMAAI_", "GOOGLE_", "GEMINI_", "PYTHON", "NODE_")
    proxies = ("http_proxy", "https_proxy", "all_proxy")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted) and name.lower() not in proxies}
    return {**kept, **more}
