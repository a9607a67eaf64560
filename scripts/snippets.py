#!/usr/bin/env python3
"""Sees to it that no example and no code in a document goes untested: every fenced block is a part of a file that a test runs, or is claimed
by a test that reads the document itself, or holds nothing but commands whose targets, packages and files exist.

    scripts/snippets.py            checks all documents; ends with "N passed, N failed"
    scripts/snippets.py --write    fills every marked block from its file

A mark is the line before a block: <!-- examples/python/guide.py: wait --> takes what stands between "docs: wait" and
"docs: end" there; without a name, the block is the whole file but for its opening comment.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: What a fence may call a language whose code has to be tested.
CODE = {"python", "py", "js", "javascript", "ts", "typescript", "rust", "swift", "kotlin", "kts", "java", "sh", "bash", "shell", "console"}
FENCE = re.compile(r"(?:^<!-- (?P<mark>[^\n]+) -->\n)?^(?P<ticks>`{3,})(?P<info>[^\n`]*)\n(?P<code>.*?)^(?P=ticks)[ ]*$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"(?P<file>[\w./-]+\.\w+)(?:: (?P<region>[\w.-]+))?")

#: Which test runs a folder's files; the words by which it knows a file, where they are not its name; which test reads the blocks of
#: a document itself, and the words by which it is known there; and why no test runs some, which a mark says too.
TABLES = json.loads((Path(__file__).resolve().parent / "snippets.json").read_text(encoding="utf-8"))
RUN, KNOWN_AS, REASONS, NOT_RUN = (TABLES[name] for name in ("run", "known_as", "reasons", "not_run"))
READ = {(each["document"], each["info"]): (each["test"], each["words"]) for each in TABLES["read"]}


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def tracked(what: str) -> list[str]:
    """The files of the repository that git would take, of a pattern."""
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", what], cwd=ROOT, check=True, capture_output=True)
    return sorted(name for name in names.stdout.decode().split("\0") if name and (ROOT / name).is_file())


def documents() -> list[str]:
    return tracked("*.md")


def part(file: str, region: str | None) -> str:
    """What a mark stands for. Raises ValueError for what is not there."""
    if not (ROOT / file).is_file():
        raise ValueError(f"there is no {file}")
    source = text(file)
    if region is None:
        # The opening comment says what the file is for, and the document says that itself.
        return re.sub(r'\A(?:"""(?:.*?)"""\n|(?:(?:#|//)[^\n]*\n)+)\n+', "", source, flags=re.DOTALL)
    found = re.findall(rf"^[ ]*(?:#|//) docs: {re.escape(region)}\n(.*?)^[ ]*(?:#|//) docs: end$", source, re.MULTILINE | re.DOTALL)
    if len(found) != 1:
        raise ValueError(f"{file} has {len(found)} parts named {region}")
    return textwrap.dedent(found[0])


def run_by(file: str) -> str | None:
    """Why no test runs the file, or nothing."""
    if file in NOT_RUN:
        return None
    for folder, test in RUN.items():
        if file.startswith(folder):
            name = Path(file).name
            stem = Path(file).stem
            # Swift's and Rust's examples are known by their names, Kotlin's by their classes.
            words = {KNOWN_AS[file]} if file in KNOWN_AS else {name, f'"{stem}"', f'"{stem.lower()}"', f"{stem}Kt"}
            return None if any(word in text(test) for word in words) else f"{test} does not run {file}"
    return f"no test runs {file}"


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))


def packages() -> set[str]:
    manifests = [path for path in ROOT.glob("**/Cargo.toml") if "target" not in path.relative_to(ROOT).parts]
    return {name for path in manifests for name in re.findall(r'^name = "([^"]+)"', path.read_text(encoding="utf-8"), re.MULTILINE)}


def wheels() -> set[str]:
    return {re.search(r'^name = "([^"]+)"', path.read_text(encoding="utf-8"), re.MULTILINE)[1] for path in ROOT.glob("bindings-python/**/pyproject.toml")}  # type: ignore[index]


def command(line: str) -> str | None:
    """Why a line of shell cannot be right in this repository, or nothing."""
    words = [word for word in shlex.split(line, comments=True)]
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words.pop(0)
    if not words:
        return None
    first, rest = words[0], words[1:]
    if first == "make":
        wrong = [word for word in rest if "=" not in word and word not in targets()]
    elif first == "cargo":
        named = [rest[at + 1] for at, word in enumerate(rest[:-1]) if word in ("-p", "--package")]
        placed = [rest[at + 1] for at, word in enumerate(rest[:-1]) if word == "--path"]
        wrong = [name for name in named if name not in packages()] + [path for path in placed if not (ROOT / path / "Cargo.toml").is_file()]
        wrong += [] if named or placed else [line]
    elif first == "pip" and rest[:1] == ["install"]:
        wrong = [word for word in rest[1:] if not (word in wheels() or (word.startswith("./") and (ROOT / word / "pyproject.toml").is_file()))]
    elif (first == "python3" and rest[:2] == ["-m", "venv"] and len(rest) == 3) or (first == "." and rest == [".venv/bin/activate"]):
        wrong = []  # a virtual environment of the reader's own
    elif first in ("python3", "node"):
        wrong = [] if rest and (ROOT / rest[0]).is_file() else [line]
    elif first in ("git", "cd"):
        wrong = []
    else:
        wrong = [] if "/" in first and (ROOT / first).is_file() else [first]
    return f"`{line.strip()}`: there is no {', '.join(wrong)} that could be checked" if wrong else None


def commands(code: str) -> str | None:
    for line in code.splitlines():
        for piece in line.split("&&"):
            if fault := command(piece):
                return fault
    return None


def manifest(language: str, code: str) -> str | None:
    """Why lines that go into somebody's own manifest do not fit this repository's packages, or nothing."""
    version = re.search(r'^version = "([^"]+)"', text("Cargo.toml"), re.MULTILINE)[1]  # type: ignore[index]
    repository = re.search(r'^repository = "([^"]+)"', text("Cargo.toml"), re.MULTILINE)[1]  # type: ignore[index]
    known = {
        "kts": [f'implementation("dev.infrai:infrai:{version}")'],  # once it is published: scripts/versions.py refuses it before
        "swift": [
            f'.package(url: "{repository}", from: "{version}")',
            f'.package(path: "…/{Path(repository).name}")',
            f'.product(name: "Infrai", package: "{Path(repository).name}")',
        ],
    }
    for line in filter(None, (re.sub(r"(?:^|\s+)//.*", "", line).strip() for line in code.splitlines())):
        if line not in known.get(language, []):
            return f"`{line}` is no part of a file that a test runs"
    return None


def fault(document: str, mark: str | None, info: str, code: str) -> str | None:
    """Why no test claims a block, or nothing."""
    language = re.split(r"[\s,{]", info.strip(), maxsplit=1)[0]
    if mark in REASONS:
        return None
    if mark and (found := MARK.fullmatch(mark)):
        try:
            wanted = part(found["file"], found["region"])
        except ValueError as error:
            return str(error)
        if code != wanted and not (found["region"] is None and code.strip() in text(found["file"])):
            return f"it is not what {mark} holds: run scripts/snippets.py --write"
        return run_by(found["file"])
    if test := READ.get((document, info.strip())):
        return None if test[1] in text(test[0]) else f"{test[0]} reads it no more"
    if language in ("sh", "bash", "shell", "console"):
        return commands(code)
    return manifest(language, code)


def filled(document: str) -> str:
    def fill(found: re.Match[str]) -> str:
        mark = MARK.fullmatch(found["mark"] or "")
        if not mark:
            return found[0]
        return f"<!-- {found['mark']} -->\n{found['ticks']}{found['info']}\n{part(mark['file'], mark['region'])}{found['ticks']}"

    return FENCE.sub(fill, text(document))


def main() -> int:
    if sys.argv[1:] == ["--write"]:
        for document in documents():
            new = filled(document)
            if new != text(document):
                (ROOT / document).write_text(new, encoding="utf-8")
                print(f"{document} is written")
        return 0
    if sys.argv[1:]:
        sys.exit(__doc__)
    passed = failed = 0
    for document in documents():
        whole = text(document)
        for found in FENCE.finditer(whole):
            if re.split(r"[\s,{]", found["info"].strip(), maxsplit=1)[0] not in CODE:
                continue
            if why := fault(document, found["mark"], found["info"], found["code"]):
                print(f"{document}:{whole.count(chr(10), 0, found.start()) + 1}: {why}")
                failed += 1
            else:
                passed += 1
        # What the fences above do not match would go unseen.
        if len(re.findall(r"^[ \t>]*`{3,}", whole, re.MULTILINE)) != 2 * len(FENCE.findall(whole)):
            print(f"{document}: a fence is indented, quoted or never closed, and cannot be checked")
            failed += 1
    shown = set(re.findall(r"\]\(([\w./-]+)\)", text("examples/README.md")))
    for example in tracked("examples"):
        if example == "examples/README.md":
            continue
        why = run_by(example) or (None if example.removeprefix("examples/") in shown else f"examples/README.md does not show {example}")
        if why:
            print(why)
            failed += 1
        else:
            passed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
