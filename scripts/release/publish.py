"""Publishes what a run of the release workflow built, in an order in which nothing depends on what is not there yet.

What a registry has already is left alone if it is the same, and ends the work if it is not: so that a release which broke off
half-way is taken up by running it again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from release.machine import CARGO, ROOT, Failed, run
from release.versions import current

#: Each after those that it depends on.
CRATES = ("infrai", "infrai-render", "infrai-sandbox", "infrai-cli")


def settle(name: str, ours: str, there: Callable[[], str | None], publish: Callable[[], object]) -> None:
    """Publishes a version unless it is there; another one under the same name is an error."""
    found = there()
    if found is None:
        publish()
    elif found == ours:
        print(f"{name}: is there already", flush=True)
    else:
        raise Failed(f"{name}: the registry has another one, whose checksum is {found} and not {ours}. A version is never published twice: release the next one")


def ask(*command: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def npm(folder: Path, channel: str) -> None:
    """The tarballs in a folder: the platforms' packages, then the one that depends on them."""
    packs = [(*identity(path), path) for path in sorted(folder.glob("*.tgz"))]
    main = [pack for pack in packs if pack[0] == "@infrai/sdk"]
    if len(main) != 1 or len(packs) < 2:
        raise Failed(f"{folder} holds {len(packs)} tarballs, {len(main)} of them of @infrai/sdk: there have to be one of it and one for each platform")
    for name, version, path in [pack for pack in packs if pack not in main] + main:
        ours = "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
        # By its whole path: npm takes folder/file.tgz for a repository of that name on GitHub.
        publish = ("npm", "publish", "--access", "public", "--provenance", "--tag", channel, path.resolve())
        settle(f"{name}@{version}", ours, lambda name=name, version=version: npm_has(name, version), lambda publish=publish: run(*publish))


def identity(tarball: Path) -> tuple[str, str]:
    """A package's name and version, as it says itself."""
    with tarfile.open(tarball) as archive:
        told = archive.extractfile("package/package.json")
        assert told is not None
        manifest = json.load(told)
    return manifest["name"], manifest["version"]


def npm_has(name: str, version: str) -> str | None:
    """The checksum of a version on the registry, if it is there."""
    done = ask("npm", "view", f"{name}@{version}", "dist.integrity", "--json", "--prefer-online")
    if done.returncode != 0:
        if "E404" in done.stdout + done.stderr:
            return None
        raise Failed(f"npm does not say whether {name}@{version} is there:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout) if done.stdout.strip() else None


def crates(folder: Path) -> None:
    """The crates, packaged once more from the checkout, since cargo uploads no file; each has to be the one in the folder."""
    # All of them are there before the first goes out.
    sums = {name: hashlib.sha256((folder / f"{name}-{current()}.crate").read_bytes()).hexdigest() for name in CRATES}
    for name, ours in sums.items():
        settle(f"{name}@{current()}", ours, lambda name=name: crate_there(name, current()), lambda name=name, ours=ours: publish_crate(name, ours))


def publish_crate(name: str, ours: str) -> None:
    # Unverified: it was built from its package before, where no token was near, and what builds runs everybody's build scripts.
    with tempfile.TemporaryDirectory() as target:
        run(CARGO, "package", "--locked", "--no-verify", "--package", name, "--target-dir", target)
        again = hashlib.sha256((Path(target) / "package" / f"{name}-{current()}.crate").read_bytes()).hexdigest()
        if again != ours:
            raise Failed(f"{name}: packaged here it is not the crate that was tried ({again}, not {ours})")
        run(CARGO, "publish", "--locked", "--no-verify", "--package", name, "--target-dir", target)


def crate_there(name: str, version: str) -> str | None:
    """The checksum of a version on the registry, if it is there: what cargo writes into the lock file of one who depends on it."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / "src").mkdir()
        (project / "src" / "lib.rs").touch()
        (project / "Cargo.toml").write_text(f'[package]\nname = "asks"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n{name} = "={version}"\n[workspace]\n', encoding="utf-8")
        done = ask(CARGO, "generate-lockfile", "--manifest-path", project / "Cargo.toml", cwd=project)
        if done.returncode != 0:
            if f"no matching package named `{name}`" in done.stderr or f"failed to select a version for the requirement `{name} = " in done.stderr:
                return None
            raise Failed(f"cargo does not say whether {name}@{version} is there:\n{done.stderr[-2000:]}")
        lock = (project / "Cargo.lock").read_text(encoding="utf-8")
    found = re.search(rf'^name = "{re.escape(name)}"\nversion = "{re.escape(version)}"\nsource = .*\nchecksum = "(\w+)"', lock, re.MULTILINE)
    if found is None:
        raise Failed(f"cargo's lock file does not name {name}@{version}")
    return found[1]
