"""Checks that nobody is given a line to copy that installs a package from a registry where it is not there yet, and that prose
which names such a line says so.

A name that nobody has registered can be registered by anybody, and one that is held may hold something else: a line to copy that
installs it would install that. A comment beside it helps nobody, since what copies a block copies it whole.
"""

from __future__ import annotations

import re
from pathlib import Path

from release.versions import tracked

#: Names that are published, and ours, each after its registry: put one in before the first release's tag, and the notes about it
#: have to go: the pages of the packages are in the packages, and say for ever what they said then.
PUBLISHED: frozenset[str] = frozenset()
#: What a release of a tag publishes. The command's wheel has a switch of its own, and Maven Central is filled by hand afterwards.
RELEASED = frozenset({"crates.io:infrai", "crates.io:infrai-render", "crates.io:infrai-sandbox", "crates.io:infrai-cli", "npm:@infrai/sdk", "pypi:infrai", "swift:infrai-sdk"})

#: What makes a line an instruction to install: where from, and the pattern whose one group names the package.
COMMANDS = [
    # pip, uv, pipx, poetry: a path or a wheel is none of a registry's names.
    ("pypi", r"\b(?:pip3?|uv|pipx|poetry|pdm|rye|uvx)(?: pip)? (?:install|add|run)(?: -\S+)* [\"']?(infrai(?:-cli)?)(?![\w./-])"),
    ("pypi", r"\buvx (infrai(?:-cli)?)(?![\w./-])"),
    ("npm", r"\b(?:npm|pnpm|yarn|bun|npx)(?: (?:install|i|add|exec|dlx|create))*(?: -\S+)* [\"']?(@infrai/[a-z0-9-]+)"),
    ("crates.io", r"\bcargo (?:add|install|binstall)(?: --?[a-z]+)* (infrai(?:-cli|-render|-sandbox)?)(?![\w./-])"),
    ("crates.io", r"^\s*(infrai(?:-render|-sandbox|-cli)?) = (?:\"[\d=^~]|\{ ?version)"),
    ("maven", r"\bdev\.infrai:(infrai(?:-android)?):"),
    ("maven", r"<artifactId>(infrai(?:-android)?)</artifactId>"),
    ("swift", r"\.package\(url: \"[^\"]*/(infrai-sdk)(?:\.git)?\""),
    ("brew", r"\bbrew install (?:\S*/)?(infrai)\b"),
    ("docker", r"\bdocker (?:run|pull)\b.* (\S*infrai\S*)"),
]
PATTERN = re.compile("|".join(pattern for _, pattern in COMMANDS))
NOTE = re.compile(r"\b(?:not (?:yet )?(?:been )?published|not published|unpublished)\b|尚未发布", re.IGNORECASE)
DOCUMENTS = {".md", ".ipynb", ".html", ".txt", ".rst"}
#: The page that is about publishing, and the one that lists what was.
EXEMPT = {"CHANGELOG.md", "docs/releasing.md"}


def blocks(text: str) -> list[tuple[int, str]]:
    """A text's paragraphs with the numbers of their first lines; what is fenced is one, whatever lies in it, and so is what is indented as code."""
    found: list[tuple[int, list[str]]] = []
    fenced = began = False
    for number, line in enumerate(text.splitlines(), 1):
        fence = line.lstrip(" \t>").startswith(("```", "~~~"))
        if fence and not fenced:
            found.append((number, [line]))
            fenced = began = True
        elif fenced:
            found[-1][1].append(line)
            if fence:
                fenced = began = False
        elif not line.strip():
            began = False
        elif began:
            found[-1][1].append(line)
        else:
            found.append((number, [line]))
            began = True
    return [(number, "\n".join(lines)) for number, lines in found]


def is_code(block: str) -> bool:
    """Whether a reader would copy it: it is fenced, also in a list or a quotation, or indented as code."""
    return bool(re.match(r"[ \t>]*(?:```|~~~)|(?: {4}|\t)(?! *(?:[-*+]|\d+\.) )", block))


def unnoted(text: str) -> list[tuple[int, str, str]]:
    """Lines that install a name of ours which is not published, in a block of code or without the note, and those of a published
    one that still have it: number, name, line. The note is in the same paragraph, or in the one before it; a heading ends what
    it holds for.
    """
    found = []
    whole = blocks(text)
    for at, (first, block) in enumerate(whole):
        before = whole[at - 1][1] if at and not is_code(whole[at - 1][1]) else ""
        noted = NOTE.search(block) or (not block.lstrip().startswith("#") and NOTE.search(before))
        for number, line in enumerate(block.splitlines(), first):
            for match in PATTERN.finditer(line):
                name = f"{COMMANDS[match.lastindex - 1][0]}:{match[match.lastindex]}"
                if bool(noted) if name in PUBLISHED else is_code(block) or not noted:
                    found.append((number, name, line.strip()))
    return found


def lacking() -> list[str]:
    """What a release publishes and PUBLISHED does not name, so that the packages would say for ever that they are not published."""
    return [f"scripts/release/installs.py: PUBLISHED lacks {name}: put it in, and take away the notes that then are found" for name in sorted(RELEASED - PUBLISHED)]


def faults(root: Path) -> list[str]:
    """What has to be changed."""
    bad = []
    for file in tracked(root):
        if file in EXEMPT or Path(file).suffix not in DOCUMENTS or file.startswith("tests/conformance/"):
            continue
        for number, name, line in unnoted((root / file).read_text(encoding="utf-8", errors="replace")):
            wanted = "is published, take the note away" if name in PUBLISHED else "is not published yet: say so in these words, in prose and outside of blocks of code"
            bad.append(f"{file}:{number}: {name} {wanted}: {line[:120]}")
    return bad
