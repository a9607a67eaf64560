#!/usr/bin/env python3
"""Documentation as plain Markdown: the pages inside the Python and the npm package, and helpers of those beside the site's pages.

    scripts/pages.py python|node …    writes the pages of these packages, where their builds find them
"""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import versions

ROOT = versions.ROOT
#: Where each package's build takes its pages from; git ignores these folders.
FOLDERS = {"python": "bindings-python/python/infrai/docs", "node": "bindings-node/docs"}
#: What a package has no copy of: pages about the project, and those whose content is in the package in another form.
LEFT_OUT = re.compile(r"architecture|changelog|comparison|examples|releasing|reliability|threat-model|(?:decisions|reference)/.*")
#: Further pages, by the files that they copy. npm puts the README beside the folder.
ADDED = {"python": {"bindings-python/README.md": "readme.md", "sandbox/README.md": "sandbox.md"}, "node": {"bindings-node/README.md": "../README.md", "sandbox/README.md": "sandbox.md"}}
LIMIT = 200_000
#: First lines of a package's first page.
HEAD = {
    "python": "The pages of `infrai` {version} for Python. `python -m infrai docs` lists them, and `python -m infrai docs TOPIC` prints one. Docstrings have every parameter:\n"
    "`help(infrai.InfraiClient)`, `help(infrai.testing)`.",
    "node": "The pages of `@infrai/sdk` {version}, in `node_modules/@infrai/sdk/docs`. The declarations in `node_modules/@infrai/sdk/dist/*.d.ts` have every parameter.",
}
#: What a reader has who has no checkout.
INSTALLED = "`make sandbox` in these pages needs a checkout. The command `infrai sandbox` (from the package `infrai-cli`) is the same, and tests start it by themselves."
#: A tab is a language's label in bold, then at most one paragraph and at most one snippet. Not a heading: on GitHub, what follows the last tab would stand under it.
LABEL = r"^\*\*(Python|Node|Rust|Swift|Kotlin|Command|命令行)\*\*\n\n"
PARAGRAPH = r"(?:(?!```|<!--|\*\*\w+\*\*\n|#|\|)[^\n]+\n)+"
SNIPPET = r"(?:<!-- [^\n]+ -->\n)?```[^\n]*\n(?:.*?\n)??```\n"
TAB = re.compile(rf"{LABEL}({PARAGRAPH}\n{SNIPPET}|{PARAGRAPH}|{SNIPPET})", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
#: A row that begins with a language: its signature, its platforms.
ROW = re.compile(r"^\| `?(?P<language>Python|Node|Rust|Swift|Kotlin|Command|command)\b[^\n]*\n", re.MULTILINE)
SIGNATURE = re.compile(r"^\| \| \|\n\| --- \| --- \|\n\| \w+ \| ([^\n]+) \|$", re.MULTILINE)


def order() -> list[str]:
    """Returns the pages of docs/ in the order of the site's navigation."""
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    return re.findall(r"^ +- (?:[\w ]+: )?([\w/-]+\.md)$", nav, re.MULTILINE)


def summary(markdown: str) -> str:
    """Returns the first sentence below the title, on one line and without links."""
    first = next(part for part in unmarked(markdown).split("\n\n")[1:] if not part.startswith("!")).replace("\n", " ")
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", first)
    return re.split(r"(?<=\.)\s", text, maxsplit=1)[0]


def unmarked(markdown: str) -> str:
    """Returns the page without the marks that say where its snippets come from."""
    return re.sub(r"^<!-- [^\n]* -->(?:\n|\Z)", "", markdown, flags=re.MULTILINE)


def of_language(markdown: str, language: str) -> str:
    """Returns a page without the tabs and the rows of other languages, and without pictures."""
    name = language.capitalize()
    parts = re.split(r"(^```.*?^```$)", TAB.sub(lambda tab: tab[2] if tab[1] == name else "", markdown), flags=re.MULTILINE | re.DOTALL)
    for at in range(0, len(parts), 2):
        prose = ROW.sub(lambda row: row[0] if row["language"] == name else "", parts[at])
        prose = SIGNATURE.sub(lambda row: f"{name}: {row[1]}", prose)
        prose = re.sub(r"^!\[[^\]]*\]\([^)]*\)\n", "", unmarked(prose), flags=re.MULTILINE)
        parts[at] = re.sub(r"\n{3,}", "\n\n", prose)
    return "".join(parts)


def package(language: str) -> dict[str, str]:
    """Returns the pages of a package by their names; every link leads to another page of the package, or to the web."""
    own = {f"docs/{name}": name for name in order() if not LEFT_OUT.fullmatch(name.removesuffix(".md"))} | ADDED[language]
    pages = {}
    for source, name in own.items():
        if name.startswith("../"):
            continue
        text = of_language((ROOT / source).read_text(encoding="utf-8"), language)
        pages[name] = LINK.sub(lambda found, source=source: f"{found[1]}{_target(source, found[2], found[3] or '', own)}{found[4]}", text)
    title, _, rest = pages["index.md"].partition("\n")
    pages["index.md"] = f"{title}\n\n{HEAD[language].format(version=versions.current())}\n\n{INSTALLED}\n{rest}"
    return pages


def _target(source: str, target: str, anchor: str, own: dict[str, str]) -> str:
    if re.match(r"[a-z]+:", target):
        return target + anchor
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    if path in own:
        return own[path] + anchor
    if path.startswith("docs/") and path.endswith(".md"):
        return f"{site()}{path[5:-3]}.html{anchor}"
    return f"{versions.REPOSITORY}/{'tree' if (ROOT / path).is_dir() else 'blob'}/main/{path}{anchor}"


def site() -> str:
    """Returns the address of the site."""
    return re.search(r"^site_url: (\S+)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)[1]  # type: ignore[index]


def provide(language: str) -> Path:
    """Writes the pages of a package into its folder, and returns the folder."""
    folder, pages = ROOT / FOLDERS[language], package(language)
    size = sum(len(text.encode()) for text in pages.values())
    if size > LIMIT:
        raise SystemExit(f"the pages for {language} have {size} bytes, and {LIMIT} are the most that they may have")
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return folder


if __name__ == "__main__":
    if not sys.argv[1:] or not set(sys.argv[1:]) <= FOLDERS.keys():
        sys.exit(__doc__)
    for language in sys.argv[1:]:
        provide(language)
