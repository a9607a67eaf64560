#!/usr/bin/env python3
"""Checks a commit message: `type(scope): subject` of at most 72 characters, then an empty line before the body.

scripts/check_commit.py FILE    checks the message in a file, as Git's commit-msg hook does
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

TYPES = "build|bench|chore|ci|docs|feat|fix|perf|refactor|revert|style|test"
SUBJECT = re.compile(rf"(?:{TYPES})(?:\([a-z0-9-]+\))?!?: [^\sA-Z].*[^\s.]")
#: Subjects that Git writes.
GENERATED = re.compile(r"(?:Merge|Revert|fixup!|squash!|amend!) ")
LIMIT = 72


def faults(message: str) -> list[str]:
    """Returns what is wrong with a message. Ignores Git's comments."""
    lines = [line for line in message.splitlines() if not line.startswith("#")]
    subject = lines[0] if lines else ""
    if GENERATED.match(subject):
        return []
    found = []
    if not SUBJECT.fullmatch(subject):
        found.append(f"invalid subject: expected `type(scope): imperative`, without capital and full stop, type {TYPES.replace('|', ', ')}; got `{subject}`")
    if len(subject) > LIMIT:
        found.append(f"invalid subject: expected at most {LIMIT} characters, got {len(subject)}")
    if len(lines) > 1 and lines[1].strip():
        found.append("invalid body: expected an empty line below the subject")
    return found


def main() -> int:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = faults(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print("\n".join(found), end="\n" if found else "", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
