"""The packages under test, as their users get them: built and installed once, in common with the benchmarks."""

from __future__ import annotations

import os
import shutil
import sys
from functools import cache
from pathlib import Path

TORTURE = Path(__file__).resolve().parent.parent
ROOT = TORTURE.parent.parent
#: A key as the API makes them. Its random part alone must not be seen either.
SECRET = "0123456789abcdefghijklmnopqrstuvWXYZ"
KEY = f"ifr_pk_proj_{SECRET}"

sys.path[:0] = [str(ROOT / "benches")]
from frame import build, places  # noqa: E402  # The benchmarks install the same packages in the same way.


@cache
def python() -> str:
    """The interpreter of an environment that holds the SDK's wheel."""
    return str(build.python_sdk())


@cache
def node_project() -> str:
    """A project that holds the SDK's tarballs."""
    return str(build.node_sdk())


def node() -> str:
    """The program `node`."""
    found = shutil.which("node")
    assert found is not None, "node is not on the PATH"
    return found


@cache
def program(name: str) -> str:
    """A program of this workspace, in the profile that its tests have built."""
    build.programs("debug")
    return str(places.program(name, "debug"))


def command() -> str:
    """The command `infrai`."""
    return os.environ.get("INFRAI_CLI") or program("infrai")


def probe() -> str:
    """The Rust program beside this."""
    return program("infrai-torture-probe")


def environment(home: str, **more: str) -> dict[str, str]:
    """An environment without the caller's settings, and with this home."""
    return places.environment(HOME=home, USERPROFILE=home, NODE_PATH="", **more)
