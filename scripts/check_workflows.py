#!/usr/bin/env python3
"""Checks what zizmor and actionlint do not: every job ends, and no job builds where it may publish. Ends with "N passed, N failed"."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: What runs code of the dependencies: build scripts, macros, install scripts.
BUILDS = re.compile(r"\b(?:cargo (?:z?build|run|test|install)|cargo package (?!.*--no-verify)|maturin|npm (?:ci|install)|npx |pip install|make |\.ci/run|scripts/)")


def faults(text: str) -> list[str]:
    bad = []
    if "\n  workflow_call:" not in text and "\nconcurrency:\n  group: " not in text:
        bad.append("no concurrency group: two runs for one ref would run side by side")
    parts = re.split(r"^  ([\w-]+):\n", text.partition("\njobs:\n")[2], flags=re.MULTILINE)
    for job, body in zip(parts[1::2], parts[2::2]):
        body = re.sub(r"(?<!\S)#.*", "", body)
        if not re.search(r"^    (?:timeout-minutes: \d+|uses: \./)", body, re.MULTILINE):
            bad.append(f"{job}: no timeout-minutes")
        if "\n    environment: " in body and "\n  push:" in text and "github.event_name == 'push'" not in body:
            bad.append(f"{job}: an environment, and it would run when started by hand: ask for github.event_name == 'push'")
        if ": write" in body and (built := BUILDS.search(body)):
            bad.append(f"{job}: may write and runs `{built[0]}`, and so code of the dependencies: build in another job")
    return bad


def tests() -> None:
    sound = "on:\n  push:\nconcurrency:\n  group: x\njobs:\n  one:\n    timeout-minutes: 5\n    steps:\n      - run: echo\n"
    assert faults(sound) == []
    for old, new, words in (
        ("concurrency:", "x:", "concurrency"), ("    timeout-minutes: 5\n", "", "timeout"), ("    steps", "    environment: npm\n    steps", "by hand"),
        ("echo", "make test\n    permissions: {id-token: write}", "may write"),
    ):  # fmt: skip
        assert any(words in fault for fault in faults(sound.replace(old, new))), words


def main() -> int:
    tests()
    files = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    wrong = [f"{file.name}: {fault}" for file in files for fault in faults(file.read_text(encoding="utf-8"))]
    # Commands of the repository that a workflow names are there.
    for file in files:
        named = re.findall(r"(?<![\w./-])((?:scripts|bindings-[a-z]+|\.ci)/[\w./-]*\w)", file.read_text(encoding="utf-8"))
        made = re.compile(r"/(?:dist|build|target)(?:/|$)|/THIRD-PARTY-LICENSES")
        wrong += [f"{file.name}: there is no {name}" for name in named if not made.search(name) and not (ROOT / name).exists()]
    print(*wrong, f"{0 if wrong else len(files)} passed, {len(wrong)} failed", sep="\n")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main())
