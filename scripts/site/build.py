#!/usr/bin/env python3
"""Builds the documentation's site into target/site, with pinned tools in an environment of their own (.cache/site).

    scripts/site/build.py            builds; whatever is not right ends it
    scripts/site/build.py --serve    builds anew whenever a page changes, and shows it at http://127.0.0.1:8000
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / ".cache" / "site"
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


def build() -> int:
    """Builds the site; what mkdocs ended with, which is not 0 where a link or a page is missing."""
    # Said by the theme at every build: it is known, and written down in docs/decisions/documentation.md.
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    words = ["serve"] if sys.argv[1:] == ["--serve"] else ["build", "--quiet", "--clean"]
    return subprocess.run([str(tools()), "-m", "mkdocs", *words], cwd=ROOT, env=quiet, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--serve"]):
        sys.exit(__doc__)
    code = build()
    if code == 0:
        print("The site is in target/site; to look at it: python3 -m http.server --directory target/site")
    sys.exit(code)
