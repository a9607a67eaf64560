"""The wheel as it is released."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from conftest import HERE

WHEEL = os.environ.get("INFRAI_WHEEL")
FREE = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
pytestmark = pytest.mark.skipif(WHEEL is None, reason="no wheel was built for this run (INFRAI_WHEEL)")


@pytest.fixture
def wheel() -> Path:
    return Path(WHEEL or "")


def test_the_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size <= 3_500_000


@pytest.mark.skipif(FREE, reason="a free-threaded interpreter has a wheel of its own")
def test_one_wheel_serves_every_cpython_from_3_10(wheel: Path) -> None:
    assert "-cp310-abi3-" in wheel.name


@pytest.mark.skipif(not FREE, reason="this interpreter has a GIL")
def test_a_free_threaded_interpreter_has_a_wheel_of_its_own_and_stays_without_a_gil(wheel: Path) -> None:
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    assert f"-{tag}-{tag}t-" in wheel.name
    code = "import sys, infrai; infrai.InfraiClient(); print(sys._is_gil_enabled())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n" and done.stderr == ""


def test_the_wheel_carries_types_and_nothing_that_is_not_the_packages(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {"infrai/py.typed", "infrai/_native.pyi", "infrai/testing.py", "infrai/docs/index.md"} <= set(
        names
    )
    assert [name for name in names if "__pycache__" in name or name.startswith("tests")] == []
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"infrai"}


def test_the_package_needs_no_other_and_says_its_licence(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    name = next(name for name in archive.namelist() if name.endswith("METADATA"))
    head = archive.read(name).decode().partition("\n\n")[0].splitlines()
    assert "License-Expression: MIT" in head
    assert "Requires-Python: >=3.10" in head
    assert [line for line in head if line.startswith("Requires-Dist")] == []


def test_the_wheel_has_the_licences_of_what_is_compiled_in(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith("/licenses/THIRD-PARTY-LICENSES.txt"))
    text = archive.read(name).decode()
    assert all(f"\n  {crate} " in text for crate in ("hyper", "pyo3", "ring", "rustls", "tokio"))


def test_the_wheel_names_no_folder_of_this_machine(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    folders = [Path.home(), Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo"), HERE.parents[1]]
    for name in archive.namelist():
        content = archive.read(name)
        assert [str(folder) for folder in folders if f"{folder}{os.sep}".encode() in content] == [], name
    assert any("/sboms/" in name for name in archive.namelist())
