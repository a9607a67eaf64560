#!/usr/bin/env python3
"""Builds the documentation's site into target/site, with pinned tools in an environment of their own (.cache/site).

    scripts/site/build.py            builds; whatever is not right ends it
    scripts/site/build.py --serve    builds anew whenever a page changes, and shows it at http://127.0.0.1:8000
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / ".cache" / "site"
REFERENCES = ROOT / "target" / "references"
NODE = Path(__file__).resolve().parent / "node"
REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"


def tools() -> Path:
    """The Python of the environment, which is made anew when the requirements have changed."""
    mark = CACHE / "requirements.sha256"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    python = CACHE / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not mark.exists() or mark.read_text() != wanted:
        shutil.rmtree(CACHE, ignore_errors=True)
        venv.create(CACHE, with_pip=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", REQUIREMENTS]
        subprocess.run([str(word) for word in install], check=True, stdin=subprocess.DEVNULL)
        mark.write_text(wanted)
    return python


def mkdocs(*words: str, config: Path = ROOT / "mkdocs.yml") -> subprocess.CompletedProcess[str]:
    """Runs mkdocs, and keeps what it says unless it serves."""
    # Said by the theme at every build: it is known, and written down in docs/decisions/0012-documentation.md.
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [str(tools()), "-m", "mkdocs", words[0], "--config-file", str(config), *words[1:]]
    kept = None if words[0] == "serve" else subprocess.PIPE
    return subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=kept, stderr=subprocess.STDOUT, text=True, check=False)


def build(config: Path = ROOT / "mkdocs.yml") -> subprocess.CompletedProcess[str]:
    """Builds the site; a link or a page that is missing is a failure."""
    # Not --quiet: what is not reported is not counted either.
    done = mkdocs("build", "--strict", "--clean", config=config)
    site = config.parent / "target" / "site" if config.parent == ROOT else config.parent / "site"
    if done.returncode == 0:
        separate(site)
        if config.parent == ROOT and REFERENCES.is_dir():
            shutil.copytree(REFERENCES, site / "reference", dirs_exist_ok=True)
    return done if done.returncode or config.parent != ROOT else node_reference(site / "reference" / "node")


def node_reference(folder: Path) -> subprocess.CompletedProcess[str]:
    """Writes the reference of the Node package, from the comments of its sources."""
    project = CACHE.parent / "site-node"
    project.mkdir(parents=True, exist_ok=True)
    wanted = (NODE / "package-lock.json").read_text(encoding="utf-8")
    lock = project / "package-lock.json"
    if not lock.exists() or lock.read_text(encoding="utf-8") != wanted or not (project / "node_modules").is_dir():
        shutil.copy(NODE / "package.json", project)
        lock.write_text(wanted, encoding="utf-8")
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent", "--ignore-scripts"], cwd=project, check=True, stdin=subprocess.DEVNULL)
    command = ["node", "node_modules/typedoc/bin/typedoc", "--options", str(NODE / "typedoc.json"), "--out", str(folder)]
    return subprocess.run(command, cwd=project, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def separate(site: Path) -> None:
    """Makes of the index of the search one for each language: who searches in English is not shown everything twice."""
    whole = site / "search" / "search_index.json"
    index = json.loads(whole.read_text(encoding="utf-8"))
    english = [entry for entry in index["docs"] if not entry["location"].startswith("zh/")]
    chinese = [{**entry, "location": entry["location"].removeprefix("zh/")} for entry in index["docs"] if entry["location"].startswith("zh/")]
    for place, entries in ((whole, english), (site / "zh" / "search" / "search_index.json", chinese)):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps({**index, "docs": entries}, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        sys.exit(mkdocs("serve").returncode)
    if sys.argv[1:]:
        sys.exit(__doc__)
    done = build()
    if done.returncode != 0:
        sys.exit(f"{done.stdout}\nThe site was not built.")
    print("The site is in target/site; to look at it: python3 -m http.server --directory target/site")
