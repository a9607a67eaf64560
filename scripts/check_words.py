#!/usr/bin/env python3
"""Checks that no tracked file names a machine's paths or a package registry's host: the project works anywhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Written in pieces, so that this file passes its own check. A release asks the index of the crates' registry for a variable's crate.
FORBIDDEN = re.compile(
    "/ro" r"ot/(?!\*)|/ho" r"me/[a-z]+/|/Us" r"ers/[a-z]+/|registry\+ht" r"tps|https?://(?!index\.cra" r"tes\.io/\$)(?:[a-z0-9.-]+\.)?"
    "(?:cra" r"tes\.io|pypi\.o" r"rg|npm" r"js\.(?:org|com)|maven\.o" r"rg|deb" r"ian\.org)/(?!crates/|project/|package/)"
)  # fmt: skip


def main() -> int:
    # cargo writes its registry's name into its lock files.
    files = subprocess.run(["git", "ls-files", "-z", ":!Cargo.lock", ":!fuzz/Cargo.lock"], cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
    texts = {name: (ROOT / name).read_text(encoding="utf-8", errors="ignore") for name in files if name and (ROOT / name).is_file()}
    found = [f"{name}:{number}: {line.strip()[:160]}" for name, text in texts.items() for number, line in enumerate(text.splitlines(), 1) if FORBIDDEN.search(line)]
    print(*found, f"{0 if found else 1} passed, {len(found)} failed", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
