"""Builds of the SDK and installations of its peers, as their users get them.

The SDK is installed from its wheel into a virtual environment of its own, and from its tarballs into an empty npm project.
The peers come at pinned versions from their registries. Everything is kept in `.cache/bench` and reused until its sources change.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from .places import BENCHES, CACHE, CARGO, ROOT

PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")


def run(*command: object, cwd: Path = ROOT, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs a command with its output on standard error."""
    words = [str(word) for word in command]
    print(f"$ {' '.join(words)}", file=sys.stderr, flush=True)
    return subprocess.run(words, cwd=cwd, stdin=subprocess.DEVNULL, stdout=sys.stderr, text=True, check=check)


@dataclass
class Installed:
    """A place with installed packages, and the packages that could not be installed."""

    #: The interpreter of a virtual environment, or the folder of an npm project.
    place: Path
    failed: dict[str, str] = field(default_factory=dict)


@cache
def programs(profile: str, *packages: str) -> None:
    """Builds programs of this workspace. In the profile of the tests all of them are built together, as the tests do."""
    if profile == "debug":
        run(ROOT / "scripts" / "programs")
        return
    run(CARGO, "build", "--locked", "--quiet", "--release", *(word for name in packages for word in ("--package", name)))


def _fresh(folder: Path, *sources: Path) -> tuple[bool, Path, str]:
    """Returns whether a folder was made from the current files, its mark, and the text for that mark."""
    mark = folder / "made-from.sha256"
    digest = hashlib.sha256(sys.version.encode())
    for source in sources:
        digest.update(source.read_bytes())
    wanted = digest.hexdigest()
    return mark.exists() and mark.read_text() == wanted, mark, wanted


def _sources(*folders: str) -> list[Path]:
    """Returns the sources of a package: the files of these folders that git tracks or does not ignore."""
    known = (
        "git",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        "--",
        "Cargo.toml",
        "Cargo.lock",
        "core",
        *folders,
    )
    names = subprocess.run(known, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return [path for name in sorted(set(names)) if name and (path := ROOT / name).is_file()]


def _venv(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    run(sys.executable, "-m", "venv", folder)
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


def _python(folder: Path) -> Path:
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


@cache
def python_sdk() -> Path:
    """Returns the interpreter of an environment that holds the SDK's wheel and nothing else."""
    requirements = ROOT / "bindings-python" / "tests" / "requirements-build.txt"
    tools = CACHE / "python-tools"
    fresh, mark, wanted = _fresh(tools, requirements)
    if not fresh:
        run(_venv(tools), *PIP, "-r", requirements)
        mark.write_text(wanted)
    wheels = CACHE / "wheel"
    fresh, mark, wanted = _fresh(wheels, *_sources("bindings-python"))
    if not fresh:
        shutil.rmtree(wheels, ignore_errors=True)
        run(_python(tools), *PIP[:2], "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, "./bindings-python")
        mark.write_text(wanted)
    (wheel,) = wheels.glob("*.whl")
    folder = CACHE / "python-sdk"
    fresh, mark, wanted = _fresh(folder, wheel)
    if not fresh:
        run(_venv(folder), *PIP, "--no-deps", "--no-index", wheel)
        mark.write_text(wanted)
    return _python(folder)


@cache
def python_peers() -> Installed:
    """Returns the environment of the peers. A package that cannot be installed is reported; the others are installed."""
    requirements = BENCHES / "python" / "requirements.txt"
    folder = CACHE / "python-peers"
    fresh, mark, wanted = _fresh(folder, requirements)
    installed = Installed(_python(folder))
    if fresh:
        return installed
    python = _venv(folder)
    if run(python, *PIP, "-r", requirements, check=False).returncode == 0:
        mark.write_text(wanted)
        return installed
    for line in requirements.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if run(python, *PIP, "--no-deps", line, check=False).returncode != 0:
            installed.failed[line.partition("==")[0]] = f"{line} cannot be installed"
    return installed


@cache
def node_sdk() -> Path:
    """Returns an npm project that holds the SDK's tarballs and nothing else."""
    packs = CACHE / "packs"
    fresh, mark, wanted = _fresh(packs, *_sources("bindings-node"))
    if not fresh:
        shutil.rmtree(packs, ignore_errors=True)
        run("node", "bindings-node/scripts/local.mjs", "--out", packs)
        mark.write_text(wanted)
    tarballs = sorted(packs.glob("*.tgz"))
    folder = CACHE / "node-sdk"
    fresh, mark, wanted = _fresh(folder, *tarballs)
    if not fresh:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_text('{ "name": "empty", "private": true }\n')
        # Offline: the packages of other platforms are optional and not needed.
        run("npm", "install", "--offline", "--no-audit", "--no-fund", "--loglevel", "error", *tarballs, cwd=folder)
        mark.write_text(wanted)
    return folder


@cache
def node_peers() -> Installed:
    """Returns the npm project of the peers. A package that cannot be installed is reported; the others are installed."""
    manifest, lock = (BENCHES / "node" / name for name in ("package.json", "package-lock.json"))
    folder = CACHE / "node-peers"
    fresh, mark, wanted = _fresh(folder, manifest, lock)
    installed = Installed(folder)
    if fresh:
        return installed
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in (manifest, lock, BENCHES / "node" / ".npmrc"):
        shutil.copy(name, folder)
    flags = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error")
    if run("npm", "ci", *flags, cwd=folder, check=False).returncode == 0:
        mark.write_text(wanted)
        return installed
    for name, version in json.loads(manifest.read_text())["dependencies"].items():
        one = f"{name}@{version}"
        if run("npm", "install", "--no-save", *flags, one, cwd=folder, check=False).returncode != 0:
            installed.failed[name] = f"{one} cannot be installed"
    return installed
