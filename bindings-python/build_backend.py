"""The build backend: maturin, and in a checkout with the documentation and the third-party licences in the wheel and no path of this machine."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import maturin

Settings = Mapping[str, Any] | None
SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
#: A source distribution has no scripts: what is built of it stays where it is built.
CHECKOUT = (SCRIPTS / "release_build.py").is_file()
if CHECKOUT:
    sys.path.insert(0, str(SCRIPTS))
    import notices
    import pages
    import release_build

get_requires_for_build_editable = maturin.get_requires_for_build_editable
get_requires_for_build_sdist = maturin.get_requires_for_build_sdist
get_requires_for_build_wheel = maturin.get_requires_for_build_wheel
prepare_metadata_for_build_editable = maturin.prepare_metadata_for_build_editable


def _prepare() -> None:
    """Writes the licences that maturin puts into the metadata, and the pages that it puts into the package."""
    os.environ["MATURIN_NO_MISSING_BUILD_BACKEND_WARNING"] = "1"
    if not shutil.which("cargo"):
        # Installed as maturin does, which asked for it.
        from puccinialin import setup_rust

        os.environ.update(setup_rust())
    if CHECKOUT:
        notices.provide("bindings-python")
        pages.provide("python")


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Settings = None) -> str:
    _prepare()
    return maturin.prepare_metadata_for_build_wheel(metadata_directory, config_settings)


def build_wheel(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    _prepare()
    if CHECKOUT:
        os.environ.update(release_build.flags())
    name = maturin.build_wheel(wheel_directory, config_settings, metadata_directory)
    if CHECKOUT:
        clean(Path(wheel_directory) / name)
    return name


def build_editable(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    # What is built to be edited stays in the checkout, and needs no licences.
    if CHECKOUT:
        pages.provide("python")
    return maturin.build_editable(wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    _prepare()
    return maturin.build_sdist(sdist_directory, config_settings)


def clean(wheel: Path) -> None:
    """Renames the folders of this machine in the wheel's bills of materials."""
    with zipfile.ZipFile(wheel) as archive:
        files = [(entry, archive.read(entry)) for entry in archive.infolist()]
    records = {}
    part = wheel.with_suffix(".part")
    with zipfile.ZipFile(part, "w") as archive:
        # RECORD is the last.
        for entry, content in files:
            if "/sboms/" in entry.filename:
                for place, name in reversed(release_build.places().items()):
                    uri = re.escape(place.as_uri().encode()) + rb'(?=[/#?"])'
                    content = re.sub(uri, f"file:///{name}".encode(), content)
                digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                records[entry.filename] = f"{entry.filename},sha256={digest},{len(content)}"
            elif entry.filename.endswith(".dist-info/RECORD"):
                lines = [records.get(line.split(",")[0], line) for line in content.decode().splitlines()]
                content = "".join(f"{line}\n" for line in lines).encode()
            archive.writestr(entry, content, entry.compress_type)
    os.replace(part, wheel)
