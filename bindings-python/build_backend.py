"""The build backend of a checkout: maturin, with the third-party licences in the wheel and no path of this machine.

A source distribution has maturin alone (scripts/release-sdist): what is built of it stays where it is built.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import maturin

Settings = Mapping[str, Any] | None
SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
sys.path.insert(0, str(SCRIPTS))
from release import notices, paths, wheels  # noqa: E402

# What is built to be edited stays in the checkout.
build_editable = maturin.build_editable
get_requires_for_build_editable = maturin.get_requires_for_build_editable
get_requires_for_build_sdist = maturin.get_requires_for_build_sdist
get_requires_for_build_wheel = maturin.get_requires_for_build_wheel
prepare_metadata_for_build_editable = maturin.prepare_metadata_for_build_editable


def _prepare() -> None:
    """Writes the licences that maturin puts into the metadata."""
    if not shutil.which("cargo"):
        # Installed as maturin does, which asked for it.
        from puccinialin import setup_rust

        os.environ.update(setup_rust())
    os.environ.update(wheels.QUIET)
    notices.provide("bindings-python")


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Settings = None) -> str:
    _prepare()
    return maturin.prepare_metadata_for_build_wheel(metadata_directory, config_settings)


def build_wheel(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    _prepare()
    os.environ.update(paths.flags())
    name = maturin.build_wheel(wheel_directory, config_settings, metadata_directory)
    wheels.clean(Path(wheel_directory) / name)
    return name


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    command = [sys.executable, str(SCRIPTS / "release-sdist"), sdist_directory]
    made = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return Path(made.strip().splitlines()[-1]).name
