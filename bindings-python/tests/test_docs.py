"""The documentation inside the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import infrai
import pytest

pytestmark = pytest.mark.core
FOLDER = Path(infrai.__file__).parent / "docs"


def run(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "infrai", *words], capture_output=True)


def test_the_list_has_every_page() -> None:
    listed = run("docs").stdout.decode()
    assert str(FOLDER) in listed
    names = {line.split()[0] for line in listed.splitlines()[2:]}
    assert names == {path.stem for path in FOLDER.glob("*.md")} > {"api", "errors", "index", "testing"}


def test_a_topic_prints_its_page() -> None:
    page = (FOLDER / "errors.md").read_bytes()
    assert run("docs", "errors").stdout == run("docs", "errors.md").stdout == page


def test_an_unknown_topic_names_the_topics() -> None:
    done = run("docs", "error")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"invalid `topic`: expected one of api, " in done.stderr and b"errors, " in done.stderr


def test_the_first_page_names_the_version_and_the_docstring_names_the_pages() -> None:
    assert f"`infrai` {infrai.__version__} " in (FOLDER / "index.md").read_text(encoding="utf-8")
    assert "python -m infrai docs" in (infrai.__doc__ or "")


def test_the_pages_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 200_000
