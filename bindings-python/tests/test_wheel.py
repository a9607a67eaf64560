"""The wheel as it is released."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

WHEEL = os.environ.get("INFRAI_WHEEL")
pytestmark = pytest.mark.skipif(WHEEL is None, reason="no wheel was built for this run (INFRAI_WHEEL)")


@pytest.fixture
def wheel() -> Path:
    return Path(WHEEL or "")


def test_the_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size <= 3_500_000


def test_one_wheel_serves_every_cpython_from_3_10(wheel: Path) -> None:
    assert "-cp310-abi3-" in wheel.name


def test_the_wheel_carries_types_and_nothing_that_is_not_the_packages(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {"infrai/py.typed", "infrai/_native.pyi", "infrai/testing.py"} <= set(names)
    assert [name for name in names if "__pycache__" in name or name.startswith("tests")] == []
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"infrai"}


def test_the_package_needs_no_other_and_says_its_licence(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    name = next(name for name in archive.namelist() if name.endswith("METADATA"))
    head = archive.read(name).decode().partition("\n\n")[0].splitlines()
    assert "License-Expression: MIT" in head
    assert "Requires-Python: >=3.10" in head
    assert [line for line in head if line.startswith("Requires-Dist")] == []
