#!/usr/bin/env python3
"""Checks what zizmor and actionlint do not: jobs end, have few rights, build nothing where they may publish, and name what is there. Ends with "N passed, N failed"."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: What runs code of the dependencies: build scripts, macros, install scripts.
BUILDS = re.compile(
    r"\b(?:cargo (?:z?build|zigbuild|run|test|install)|cargo package (?!.*--no-verify)|maturin|python3? -m build|npm (?:ci|install)|npx |pipx? (?:install|wheel)"
    r"|pipx (?:run|inject)|mvn|make |\.ci/run|scripts/|bindings-[a-z]+/(?:release|run-tests))"
)
#: What a job may be given beyond reading.
RIGHTS = {"attestations", "contents", "id-token", "pages"}
#: An action by its commit, with the version that it is for people to read.
PINNED = re.compile(r"(?:[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(?:\.\d+)*|\./\S+)")
#: What somebody else writes, and a script would run.
FOREIGN = re.compile(r"\$\{\{(?:(?!\}\}).)*\b(?:inputs\.|github\.(?:event\.|head_ref|ref_name))")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def faults(text: str) -> list[str]:
    bad = []
    if not re.search(r"^permissions:\n  contents: read\n(?! )", text, re.MULTILINE):
        bad.append("has to begin with `permissions:` of `contents: read` alone; a job asks for what it needs more")
    if "\n  workflow_call:" not in text and "\nconcurrency:\n  group: " not in text:
        bad.append("no concurrency group: two runs for one ref would run side by side")
    bad += [f"{action}: pin it by its commit, with the version behind it: # v1.2.3" for action in re.findall(r"^ +(?:- )?uses: *(.*?) *$", text, re.MULTILINE) if not PINNED.fullmatch(action)]
    for named in re.findall(r"(?:`|: |^ +|[;&] *)make (?:-\S+ )*([a-z][a-z -]*)", text, re.MULTILINE):
        bad += [f"there is no `make {target}`" for target in named.split() if target not in TARGETS]
    parts = re.split(r"^  ([\w-]+):\n", text.partition("\njobs:\n")[2], flags=re.MULTILINE)
    for job, body in zip(parts[1::2], parts[2::2]):
        body = re.sub(r"(?<!\S)#.*", "", body)
        if not re.search(r"^    (?:timeout-minutes: \d+|uses: \./)", body, re.MULTILINE):
            bad.append(f"{job}: no timeout-minutes")
        if "\n    environment: " in body and "\n  push:" in text and "github.event_name == 'push'" not in body:
            bad.append(f"{job}: an environment, and it would run when started by hand: ask for github.event_name == 'push'")
        bad += [f"{job}: {right}: write is more than anything here needs" for right in re.findall(r"([\w-]+): *write", body) if right not in RIGHTS]
        if "write-all" in body:
            bad.append(f"{job}: write-all is more than anything here needs")
        if re.search(r": *write", body) and (built := BUILDS.search(body)):
            bad.append(f"{job}: may write and runs `{built[0]}`, and so code of the dependencies: build in another job")
        for _, block, line in re.findall(r"^( +)(?:- )?run: *(?:[|>]-?\n((?:\1 +.*\n|\n)+)|(.*)\n)", body, re.MULTILINE):
            bad += [f"{job}: {found}… in a script: hand it over in env" for found in FOREIGN.findall(block or line)]
    return bad


def tests() -> None:
    action = "      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0\n"
    sound = (
        "on:\n  push:\npermissions:\n  contents: read\nconcurrency:\n  group: x\njobs:\n  one:\n    timeout-minutes: 5\n    permissions:\n      id-token: write\n"
        f"    steps:\n{action}      - run: echo ${{{{ matrix.x }}}}\n      - run: |\n          cp a b\n          cat b\n"
    )
    assert faults(sound) == [], faults(sound)
    for old, new, words in (
        ("concurrency:", "x:", "concurrency"), ("    timeout-minutes: 5\n", "", "timeout"), ("    steps", "    environment: npm\n    steps", "by hand"),
        ("  contents: read\n", "  contents: write\n", "`contents: read` alone"), ("  contents: read\n", "  contents: read\n  packages: write\n", "`contents: read` alone"),
        ("id-token: write", "packages: write", "packages: write is more"), ("      id-token: write", "      id-token: write\n      actions: write", "actions: write is more"),
        ("permissions:\n      id-token: write", "permissions: {deployments: write}", "deployments: write is more"), ("permissions:\n      id-token: write", "permissions: write-all", "write-all"),
        (" # v5.0.0", "", "pin it"), ("@08c6903cd8c0fde910a37f88322edcfb5dd907a8", "@v5", "pin it"), (" # v5.0.0", " # latest", "pin it"),
        ("matrix.x", "inputs.tag", "in a script"), ("matrix.x", "format('{0}', inputs.tag)", "in a script"), ("cat b", "cat ${{ github.event.issue.title }}", "in a script"),
        ("cp a b", "make tset", "no `make tset`"), ("cp a b", "make test tset", "no `make tset`"), ("on:\n", "# `make tset` is the same.\non:\n", "no `make tset`"),
        *(("cat b", build, "may write and runs") for build in (
            "make test", "cargo build --locked", "cargo zigbuild", "maturin build", "npm ci", "pip install x", "python -m build", "python3 -m build --sdist", "pip wheel .",
            "mvn package", "bindings-swift/release", "bindings-kotlin/run-tests", "pipx install x", "scripts/notices.py",
        )),
    ):  # fmt: skip
        changed = sound.replace(old, new, 1)
        assert changed != sound and any(words in fault for fault in faults(changed)), (old, new, words)


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
