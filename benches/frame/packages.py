"""Installed packages: versions, numbers of dependencies, and sizes."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from pathlib import Path

from .places import ROOT, environment

#: Run by the environment's own interpreter: prints a package and its dependencies with the bytes of their files.
_NEEDED = """
import json, re, sys
from importlib.metadata import PackageNotFoundError, distribution
from pip._vendor.packaging.requirements import Requirement

def key(name): return re.sub(r"[-_.]+", "-", name).lower()

found, left = {}, [(sys.argv[1], frozenset())]
done = set()
while left:
    name, extras = left.pop()
    if (key(name), extras) in done:
        continue
    done.add((key(name), extras))
    try:
        package = distribution(name)
    except PackageNotFoundError:
        continue
    found[key(name)] = sum(file.locate().stat().st_size for file in package.files or [] if file.locate().is_file())
    for text in package.requires or []:
        needed = Requirement(text)
        if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras or {""}):
            left.append((needed.name, frozenset(needed.extras)))
print(json.dumps(found))
"""


@cache
def _lock() -> str:
    return (ROOT / "Cargo.lock").read_text()


def crate(name: str) -> str:
    """Returns the version of a crate in this workspace's lock file."""
    found = re.search(rf'name = "{re.escape(name)}"\nversion = "([^"]+)"', _lock())
    return found[1] if found else ""


def python_version(python: Path, name: str) -> str:
    """Returns the version of a package in an environment; empty if it is not installed."""
    code = f"from importlib.metadata import version; print(version({name!r}))"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False, env=environment())
    return done.stdout.strip()


def python_size(python: Path, name: str) -> tuple[int, float]:
    """Returns the number of packages that one needs, itself included, and their megabytes as `pip` installs them."""
    command = [str(python), "-c", _NEEDED, name]
    sizes = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, env=environment()).stdout)
    return len(sizes), sum(sizes.values()) / 1e6


def node_version(project: Path, name: str) -> str:
    """Returns the version of a package in a project; empty if it is not installed."""
    path = project / "node_modules" / name / "package.json"
    return json.loads(path.read_text())["version"] if path.exists() else ""


def node_size(project: Path, name: str) -> tuple[int, float]:
    """Returns the number of packages that one needs, itself included, and their megabytes."""
    found: dict[Path, int] = {}
    left = [(project, name)]
    while left:
        inside, wanted = left.pop()
        folder = _resolved(project, inside, wanted)
        if folder is None or folder in found:
            continue
        own = (path for path in folder.rglob("*") if path.is_file() and "node_modules" not in path.relative_to(folder).parts)
        found[folder] = sum(path.stat().st_size for path in own)
        manifest = json.loads((folder / "package.json").read_text())
        needed = {**manifest.get("dependencies", {}), **manifest.get("optionalDependencies", {})}
        left += [(folder, other) for other in needed]
    return len(found), sum(found.values()) / 1e6


def _resolved(project: Path, inside: Path, name: str) -> Path | None:
    """Returns the folder of a package as Node.js resolves it: beside the importer, or further up."""
    folder = inside
    while True:
        candidate = folder / "node_modules" / name
        if candidate.is_dir():
            return candidate
        if folder == project:
            return None
        folder = folder.parent
