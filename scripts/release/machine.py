"""What the release check needs of this machine: commands that have to work, programs, folders, a sandbox to call."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from release.versions import ROOT

CARGO = os.environ.get("CARGO", "cargo")
CACHE = ROOT / ".cache" / "release"
REQUIREMENTS = ROOT / "scripts" / "release" / "requirements.txt"
LINUX = sys.platform == "linux"


class Failed(Exception):
    """A step that did not work, and what it said."""


def run(*command: object, cwd: Path = ROOT, quiet: bool = False, **more: str) -> str:
    """Runs a command that has to work; what it printed. `quiet`: only a failure shows it."""
    words = [str(word) for word in command]
    print(f"$ {' '.join(words)}", flush=True)
    environment = {**os.environ, **more}
    done = subprocess.run(words, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(words[:6])} … ended with {done.returncode}:\n{done.stdout[-4000:]}")
    if not quiet and done.stdout.strip():
        print("\n".join(done.stdout.strip().splitlines()[-12:]), flush=True)
    return done.stdout


def target_directory() -> Path:
    told = subprocess.run([CARGO, "metadata", "--no-deps", "--format-version", "1"], cwd=ROOT, check=True, capture_output=True).stdout
    return Path(json.loads(told)["target_directory"])


def tools() -> Path:
    """An environment with the packages that build and check Python's; its interpreter."""
    folder, wanted = CACHE / "tools", REQUIREMENTS.read_text(encoding="utf-8") + sys.version
    mark = folder / "made-for"
    python = venv_python(folder)
    if not mark.is_file() or mark.read_text(encoding="utf-8") != wanted:
        venv(folder)
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", REQUIREMENTS, quiet=True)
        mark.write_text(wanted, encoding="utf-8")
    return python


def venv_python(folder: Path) -> Path:
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


def venv(folder: Path) -> Path:
    """An empty environment; its interpreter."""
    run(sys.executable, "-m", "venv", "--clear", folder, quiet=True)
    return venv_python(folder)


@dataclass(frozen=True)
class World:
    """A sandbox, and an account on it."""

    url: str
    key: str

    def environment(self, folder: Path) -> dict[str, str]:
        """What a program is given that calls it: an empty home, and no key of this machine's."""
        home = folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        return {
            "HOME": str(home), "USERPROFILE": str(home), "INFRAI_BASE_URL": self.url, "INFRAI_API_KEY": "", "INFRAI_PROFILE": "",
            "INFRAI_CREDENTIALS_FILE": str(home / "credentials"),
            # What is looked for at home all the same.
            "CARGO_HOME": os.environ.get("CARGO_HOME", str(Path.home() / ".cargo")),
            "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(Path.home() / ".rustup")),
        }  # fmt: skip


@contextmanager
def sandbox(folder: Path) -> Iterator[World]:
    """Serves the API on this machine from the checkout's command."""
    run(CARGO, "build", "--locked", "--quiet", "--package", "infrai-cli", quiet=True)
    command = str(target_directory() / "debug" / ("infrai.exe" if os.name == "nt" else "infrai"))
    process = subprocess.Popen([command, "sandbox", "--json", "--exit-with-parent", "--temporary"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        credentials = folder / "account"
        run(command, "activate", quiet=True, INFRAI_BASE_URL=url, INFRAI_API_KEY="", INFRAI_PROFILE="", INFRAI_CREDENTIALS_FILE=str(credentials))
        found = re.search(r'^api_key = "(.*)"', credentials.read_text(encoding="utf-8"), re.MULTILINE)
        if found is None:
            raise Failed("the sandbox's account has no key")
        yield World(url, found[1])
    finally:
        process.terminate()
        process.wait()


def snippet(text: str, language: str, after: str = "") -> str:
    """A README's first block of code in a language, below some words."""
    found = re.search(rf"^```{language}(?: [^\n]*)?\n(.*?)^```$", text[text.index(after) :], re.MULTILINE | re.DOTALL)
    if found is None:
        raise Failed(f"the README has no block of {language}")
    return found[1]


def video(path: Path) -> None:
    """A file that has to be a video."""
    head = path.read_bytes()[:12] if path.is_file() else b""
    if head[4:8] != b"ftyp" or path.stat().st_size < 1000:
        raise Failed(f"{path.name} is no video")


@functools.cache
def deterministic() -> Mapping[str, str]:
    """What makes archives the same bytes for the same commit: that of this check's beginning."""
    when = os.environ.get("SOURCE_DATE_EPOCH") or run("git", "log", "-1", "--format=%ct", quiet=True).strip()
    return {"SOURCE_DATE_EPOCH": when}
