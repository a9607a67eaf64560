"""The wheel `infrai-cli`, installed beside the package into an environment that holds nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import infrai
import pytest
from conftest import HERE

WHEEL, CLI_WHEEL = os.environ.get("INFRAI_WHEEL"), os.environ.get("INFRAI_CLI_WHEEL")
pytestmark = pytest.mark.skipif(
    not (WHEEL and CLI_WHEEL), reason="no wheels were built for this run (INFRAI_WHEEL, INFRAI_CLI_WHEEL)"
)

Run = Callable[..., str]
FIND = """
from pathlib import Path
from infrai.testing import Sandbox, find_command
with Sandbox() as sandbox:
    job = sandbox.client.video.generate("a paper boat", duration_seconds=1).wait()
print(Path(find_command()).resolve(), job.state)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a program of the environment; what it printed."""
    folder = tmp_path_factory.mktemp("cli-wheel")
    programs = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
    names = ("INFRAI_", "PYTHON", "PATH")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(names)}

    def run(program: str, *arguments: object) -> str:
        words = [str(programs / program), *map(str, arguments)]
        done = subprocess.run(
            words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{words} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
    run("python", "-m", "pip", "install", "--quiet", "--no-index", WHEEL, CLI_WHEEL)
    return run


def test_the_package_works_where_nothing_else_is(run: Run) -> None:
    assert run("python", HERE / "smoke.py") == f"infrai {infrai.__version__} works\n"


def test_the_command_says_the_packages_version(run: Run) -> None:
    assert run("infrai", "--version").split() == ["infrai", infrai.__version__]


def test_the_command_makes_a_video_on_its_sandbox(run: Run, tmp_path: Path) -> None:
    video = tmp_path / "boat.mp4"
    run(
        "infrai",
        "--sandbox",
        "--data-dir",
        tmp_path / "data",
        "video",
        "generate",
        "a paper boat",
        "--duration",
        "1",
        "--output",
        video,
    )
    assert video.read_bytes()[4:8] == b"ftyp"


def test_the_package_finds_the_command_beside_its_interpreter(run: Run) -> None:
    found, state = run("python", "-c", FIND).rsplit(maxsplit=1)
    beside = run("python", "-c", "import sysconfig; print(sysconfig.get_path('scripts'))").strip()
    assert Path(found).parent == Path(beside).resolve() and state == "succeeded"
