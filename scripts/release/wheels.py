"""Wheels as maturin makes them, without what they say of the machine that built them."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import zipfile
from pathlib import Path

from release import paths

#: maturin's warning is not for a backend that calls it.
QUIET = {"MATURIN_NO_MISSING_BUILD_BACKEND_WARNING": "1"}


def clean(wheel: Path) -> None:
    """Renames the folders of this machine in the wheel's bills of materials, where each crate of ours has its own."""
    with zipfile.ZipFile(wheel) as archive:
        files = [(entry, archive.read(entry)) for entry in archive.infolist()]
    records = {}
    whole = wheel.with_suffix(".part")
    with zipfile.ZipFile(whole, "w") as archive:
        # RECORD is the last.
        for entry, content in files:
            if "/sboms/" in entry.filename:
                content = renamed(content)
                digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                records[entry.filename] = f"{entry.filename},sha256={digest},{len(content)}"
            elif entry.filename.endswith(".dist-info/RECORD"):
                content = "".join(f"{records.get(line.split(',')[0], line)}\n" for line in content.decode().splitlines()).encode()
            archive.writestr(entry, content, entry.compress_type)
    os.replace(whole, wheel)


def renamed(document: bytes) -> bytes:
    """A bill of materials whose addresses of files begin with the names that builds have for this machine's folders."""
    for place, name in reversed(paths.places().items()):
        document = re.sub(re.escape(place.as_uri().encode()) + rb'(?=[/#?"])', f"file:///{name}".encode(), document)
    return document
