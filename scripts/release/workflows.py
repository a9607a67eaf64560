"""Checks what every workflow has to have, by its text: pinned actions, least rights, an end to every job.

What the language of workflows itself allows is actionlint's to check (scripts/check-workflows).
"""

from __future__ import annotations

import re
from pathlib import Path

USES = re.compile(r"^\s*(?:- )?uses: *(\S+)(.*)$")
#: An action by its commit, with the version that it is for people to read.
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
VERSION = re.compile(r"\s+# v\d+(?:\.\d+)*")
#: What publishes for good, and has to be scripts/publish, which can be run again.
UNGUARDED = re.compile(r"\b(?:npm publish|cargo publish|twine upload)\b")
#: What runs code of the dependencies: build scripts, macros, install scripts.
BUILDS = re.compile(r"\b(?:cargo (?:z?build|run|test|install|zigbuild|package)|maturin|npm (?:ci|install)|npx |pip install|make |\.ci/run|scripts/(?:release-|third-party|cargo-tool|test))")
#: What a job may be given beyond reading.
RIGHTS = {"id-token: write", "pages: write", "attestations: write", "contents: write"}


def jobs(text: str) -> dict[str, str]:
    """The jobs' texts by their names."""
    _, _, below = text.partition("\njobs:\n")
    parts = re.split(r"^  ([\w-]+):\n", below, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def faults(name: str, text: str) -> list[str]:
    """What is wrong with a workflow."""
    bad = []
    if not re.search(r"^permissions:\n  contents: read\n(?! )", text, re.MULTILINE):
        bad.append(f"{name}: has to begin with `permissions:` of `contents: read` alone; a job asks for what it needs more")
    called = re.search(r"^  workflow_call:", text, re.MULTILINE)
    if not called and not re.search(r"^concurrency:\n  group: ", text, re.MULTILINE):
        bad.append(f"{name}: has no concurrency group, so that two runs for one ref would run side by side")
    for number, line in enumerate(text.splitlines(), 1):
        if found := USES.match(line):
            action, more = found.groups()
            if not action.startswith("./") and not (PINNED.fullmatch(action) and VERSION.fullmatch(more)):
                bad.append(f"{name}:{number}: pin {action} by its commit, with its version behind it: owner/name@<40 digits> # v1.2.3")
        if re.search(r"^\s+(?:[\w-]+: write(?:-all)?)$", line) and line.strip() not in RIGHTS:
            bad.append(f"{name}:{number}: {line.strip()} is more than anything here needs")
        if re.search(r"\bpull_request_target\b", line):
            bad.append(f"{name}:{number}: pull_request_target runs strangers' changes with this repository's rights")
    found = jobs(text)
    if not found:
        bad.append(f"{name}: has no jobs")
    for job, body in found.items():
        if not re.search(r"^    (?:timeout-minutes: \d+|uses: \./)", body, re.MULTILINE):
            bad.append(f"{name}: the job {job} has no timeout-minutes")
        if re.search(r"^    environment: ", body, re.MULTILINE) and re.search(r"^  push:", text, re.MULTILINE) and "github.event_name == 'push'" not in body:
            bad.append(f"{name}: the job {job} has an environment and would run when started by hand: ask for github.event_name == 'push'")
        if UNGUARDED.search(body):
            bad.append(f"{name}: the job {job} publishes itself: scripts/publish does, and can be run again")
        works = re.sub(r"(?<!\S)#.*", "", body)
        if any(right in works for right in RIGHTS) and (built := BUILDS.search(works)):
            bad.append(f"{name}: the job {job} has a right to publish and runs {built[0]}, and so code of the dependencies: build in another job")
        if "actions/checkout@" in body and body.count("actions/checkout@") != body.count("persist-credentials: false"):
            bad.append(f"{name}: the job {job} keeps a token in the checkout: write persist-credentials: false")
        # An expression within a script is code in whose text somebody else may write.
        scripts = re.findall(r"^(\s+)(?:- )?run: *(?:\|\n((?:\1 +.*\n|\n)+)|(.*)\n)", body, re.MULTILINE)
        for _, block, line in scripts:
            for expression in re.findall(r"\$\{\{\s*(.*?)\s*\}\}", block or line):
                if re.match(r"github\.(?:event|head_ref|ref_name)|inputs\.", expression):
                    bad.append(f"{name}: the job {job} has {expression} in a script: hand it over in env")
    return bad


def all_faults(root: Path) -> list[str]:
    """What is wrong with all of them."""
    files = sorted((root / ".github" / "workflows").glob("*.yml"))
    return [fault for file in files for fault in faults(file.name, file.read_text(encoding="utf-8"))] or ([] if files else ["there is no workflow"])
