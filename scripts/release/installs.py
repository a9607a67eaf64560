"""Checks that nobody is given a line to copy that installs a package from a registry where it is not there yet, and that prose
which names such a line says so.

A name that nobody has registered can be registered by anybody, and one that is held may hold something else: a line to copy that
installs it would install that. A comment beside it helps nobody, since what copies a block copies it whole.
"""

from __future__ import annotations

import re
from pathlib import Path

from release.versions import tracked

#: Names that are published, and ours: put one in with its first release, and the notes about it have to go.
PUBLISHED: frozenset[str] = frozenset()

#: What makes a line an instruction to install, and the group that names the package.
COMMANDS = [
    # pip, uv, pipx, poetry: a path or a wheel is none of a registry's names.
    r"\b(?:pip3?|uv|pipx|poetry|pdm|rye|uvx)(?: pip)? (?:install|add|run)(?: -\S+)* [\"']?(infrai(?:-cli)?)(?![\w./-])",
    r"\buvx (infrai(?:-cli)?)(?![\w./-])",
    r"\b(?:npm|pnpm|yarn|bun|npx)(?: (?:install|i|add|exec|dlx|create))*(?: -\S+)* [\"']?(@infrai/[a-z0-9-]+)",
    r"\bcargo (?:add|install|binstall)(?: --?[a-z]+)* (infrai(?:-cli|-sandbox)?)(?![\w./-])",
    r"^\s*(infrai(?:-sandbox|-cli)?) = (?:\"[\d=^~]|\{ ?version)",
    r"\b(dev\.infrai:infrai(?:-android)?):",
    r"<artifactId>(infrai(?:-android)?)</artifactId>",
    r"\.package\(url: \"[^\"]*/(infrai-sdk)(?:\.git)?\"",
    r"\bbrew install (?:\S*/)?(infrai)\b",
    r"\bdocker (?:run|pull)\b.* (\S*infrai\S*)",
]
PATTERN = re.compile("|".join(COMMANDS))
NOTE = re.compile(r"\b(?:not (?:yet )?(?:been )?published|not published|unpublished)\b", re.IGNORECASE)
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
                name = next(filter(None, match.groups()))
                if bool(noted) if name in PUBLISHED else is_code(block) or not noted:
                    found.append((number, name, line.strip()))
    return found


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
