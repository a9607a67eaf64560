#!/usr/bin/env python3
"""Builds the references of the Rust, Swift and Kotlin packages into target/references, where build.py finds them for the site.

    scripts/site/references.py [rust|swift|kotlin …]    all of them, if none is named

A language whose toolchain is missing is left out, and named.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
REFERENCES = ROOT / "target" / "references"
CARGO = os.environ.get("CARGO", "cargo")
TOOLCHAINS = ROOT / "scripts" / "toolchains"


def run(*command: object, folder: Path = ROOT) -> str:
    return subprocess.run([str(word) for word in command], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True).stdout


def rust(folder: Path) -> None:
    """rustdoc of the crate alone: pages of other crates are not for its readers."""
    run(CARGO, "clean", "--quiet", "--doc")
    run(CARGO, "doc", "--locked", "--quiet", "--no-deps", "--package", "infrai")
    target = json.loads(run(CARGO, "metadata", "--no-deps", "--format-version", "1"))["target_directory"]
    shutil.copytree(Path(target) / "doc", folder)


def swift(folder: Path) -> None:
    """DocC's pages, from the public symbols of the built module."""
    toolchain = TOOLCHAINS / "swift"
    run(toolchain, "swift", "build", "--target", "Infrai")
    built = ROOT / ".build" / "debug"
    triple = json.loads(run(toolchain, "swift", "-print-target-info"))["target"]["triple"]
    found = run(toolchain, "sh", "-c", 'command -v docc || echo "$(dirname "$(readlink -f "$(command -v swift)")")/docc"').strip()
    module = ("-module-name", "Infrai", "-I", built / "Modules", "-Xcc", f"-fmodule-map-file={built}/InfraiFFI.build/module.modulemap")
    with tempfile.TemporaryDirectory() as graph:
        public = ("-minimum-access-level", "public", "-skip-synthesized-members")
        run(toolchain, "swift", "symbolgraph-extract", *module, "-target", triple, *public, "-output-dir", graph)
        named = ("--fallback-display-name", "Infrai", "--fallback-bundle-identifier", "dev.infrai.Infrai")
        hosting = ("--transform-for-static-hosting", "--hosting-base-path", "BASE")
        # What DocC notes on its standard error are parameters that their method's text describes.
        run(toolchain, found, "convert", *named, *hosting, "--additional-symbol-graph-dir", graph, "--output-path", folder)
    # Pages that work below any address, as those of the site do.
    for page in folder.rglob("*.html"):
        up = "../" * (len(page.relative_to(folder).parts) - 1) or "./"
        text = page.read_text(encoding="utf-8").replace('var baseUrl = "/BASE/"', 'var baseUrl = location.pathname.split("documentation/")[0]')
        page.write_text(text.replace("/BASE/", up), encoding="utf-8")
    for script in folder.glob("js/*.js"):
        assert "/BASE/" not in script.read_text(encoding="utf-8"), script


def kotlin(folder: Path) -> None:
    """Dokka's pages, from the sources."""
    run(TOOLCHAINS / "kotlin", "mvn", "--batch-mode", "--quiet", "dokka:dokka", folder=ROOT / "bindings-kotlin")
    shutil.copytree(ROOT / "bindings-kotlin" / "target" / "dokka", folder)


def main() -> int:
    languages = {"rust": rust, "swift": swift, "kotlin": kotlin}
    if set(sys.argv[1:]) - set(languages):
        sys.exit(__doc__)
    for name in sys.argv[1:] or languages:
        toolchain = TOOLCHAINS / name
        if toolchain.exists() and subprocess.run([toolchain, "--check"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
            print(f"The site has no reference for {name}: its toolchain is missing.")
            continue
        shutil.rmtree(REFERENCES / name, ignore_errors=True)
        REFERENCES.mkdir(parents=True, exist_ok=True)
        languages[name](REFERENCES / name)
        print(f"target/references/{name} is built")
    return 0


if __name__ == "__main__":
    sys.exit(main())
