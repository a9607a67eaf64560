"""Builds the packages of a release that this machine can build, as the workflows do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from release import notices
from release.machine import CARGO, LINUX, ROOT, Failed, deterministic, run, target_directory, tools
from release.notices import host as triple
from release.versions import current

#: The oldest C library that the Linux packages ask for.
GLIBC = "2.17"
#: A folder of its own: Zig's linker, and builds that are done twice.
TARGET = "release-check"


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def target() -> Path:
    return target_directory() / TARGET


def path() -> str:
    """The search path on which Zig and its cargo command are."""
    return os.pathsep.join([str(tools().parent), os.environ.get("PATH", "")])


def written_notices() -> None:
    """The notices, made anew unless they name what is compiled in already."""
    for place, (manifest, _) in notices.PLACES.items():
        path = ROOT / place
        if not path.is_file() or notices.lacking(path.read_text(encoding="utf-8"), ROOT / manifest):
            run(ROOT / "scripts" / "third-party-licenses")
            return


def wheel(out: Path, folder: str = "bindings-python") -> Path:
    """A wheel for this machine; on Linux, for every Linux of its kind from 2014 on."""
    options = ["--zig", "--compatibility", "manylinux2014"] if LINUX else []
    command = [tools(), ROOT / "scripts" / "release-wheel", folder, fresh(out), "--quiet", "--target", triple(), *options]
    run(*command, PATH=path(), CARGO_TARGET_DIR=str(target()), **deterministic())
    (made,) = out.glob("*.whl")
    return made


def sdist(out: Path) -> Path:
    run(tools(), ROOT / "scripts" / "release-sdist", fresh(out), **deterministic())
    (made,) = out.glob("*.tar.gz")
    return made


def again(first: Path, crate: str, build: Callable[[Path], Path]) -> bool:
    """Whether a second build, of our crates anew, is the same bytes as the first."""
    packages = [word for name in ("infrai", crate) for word in ("--package", name)]
    run(CARGO, "clean", "--release", "--target", triple(), "--target-dir", target(), *packages, quiet=True)
    return same(first, build)


def same(first: Path, build: Callable[[Path], Path]) -> bool:
    """Whether a build gives the same bytes once more."""
    with tempfile.TemporaryDirectory() as folder:
        return build(Path(folder) / "again").read_bytes() == first.read_bytes()


def cargo_release(package: str, library: str) -> Path:
    """A native library in the release profile, on Linux for an old C library."""
    build = ("zigbuild", "--target", f"{triple()}.{GLIBC}") if LINUX else ("build", "--target", triple())
    environment = {"PATH": path(), "CARGO_TARGET_DIR": str(target())}
    run(ROOT / "scripts" / "release-build", CARGO, *build, "--release", "--locked", "--quiet", "--package", package, **environment)
    stem = library.replace("-", "_")
    names = {"linux": f"lib{stem}.so", "darwin": f"lib{stem}.dylib", "win32": f"{stem}.dll"}
    return target() / triple() / "release" / names[sys.platform]


def npm(out: Path) -> list[Path]:
    """The package's tarball and that of this platform."""
    fresh(out)
    native = cargo_release("infrai-node", "infrai-node")
    node = ROOT / "bindings-node"
    run("npm", "ci", "--no-audit", "--no-fund", "--loglevel", "error", cwd=node, quiet=True)
    shutil.rmtree(node / "dist", ignore_errors=True)
    run("npx", "--no-install", "tsc", "-p", ".", cwd=node)
    name = run("node", "-p", "require('./dist/load.js').target()", cwd=node, quiet=True).strip()
    run("node", "scripts/pack.mjs", "--out", out, "--native", f"{name}={native}", cwd=node)
    return sorted(out.glob("*.tgz"))


def crates(out: Path) -> list[Path]:
    """The crates, each built from its package, with the others as they would be in the registry."""
    fresh(out)
    dirty = ["--allow-dirty"] if subprocess.run(["git", "diff", "--quiet", "HEAD"], cwd=ROOT, check=False).returncode else []
    names = ("infrai", "infrai-render", "infrai-sandbox", "infrai-cli")
    run(CARGO, "package", "--locked", *dirty, *(word for name in names for word in ("--package", name)))
    # By name: what an earlier version left there is none of this release.
    made = [path for name in names if (path := target_directory() / "package" / f"{name}-{current()}.crate").is_file()]
    if len(made) != len(names):
        raise Failed(f"cargo made {len(made)} crates")
    return sorted(Path(shutil.copy(path, out)) for path in made)


def jar(out: Path) -> Path:
    """The jar with this machine's library."""
    run(ROOT / "scripts" / "release-kotlin", "jar", fresh(out))
    (made,) = out.glob("*.jar")
    return made
