#!/usr/bin/env python3
"""Checks that no tracked file names a machine's paths or a package registry's host: the project works anywhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Written in pieces, so that this file passes its own check.
FORBIDDEN = re.compile(
    "|".join([
        "/ro" + r"ot/(?!\*)", "/ho" + r"me/[a-z]+/", "/Us" + r"ers/[a-z]+/",
        r"https?://(?:[a-z0-9.-]+\.)?(?:cra" + r"tes\.io|pypi\.o" + r"rg|npm" + r"js\.(?:org|com)|maven\.o" + r"rg|deb" + r"ian\.org)/(?!crates/|project/|package/)",
        r"registry\+https",
    ])
)
#: cargo writes its registry's name into its lock files.
EXEMPT = {"Cargo.lock", "fuzz/Cargo.lock"}


def main() -> int:
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout.split(b"\0")
    found = 0
    for name in sorted(filter(None, (file.decode() for file in files))):
        path = ROOT / name
        if name in EXEMPT or not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if FORBIDDEN.search(line):
                print(f"{name}:{number}: {line.strip()[:160]}")
                found += 1
    print(f"{0 if found else 1} passed, {found} failed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
