"""What the site computes: the pages that are there, and links that leave the documentation for the repository."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

ROOT = Path(__file__).resolve().parent.parent.parent
#: Pages of the navigation that need not be there.
OPTIONAL = {"releasing.md", "reliability.md", "threat-model.md"}
LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
#: A tab is a language's label in bold, then at most one paragraph and at most one snippet. Not a heading: on GitHub, what follows the last tab would stand under it.
LABEL = r"^\*\*(Python|Node|Rust|Swift|Kotlin|Command|命令行)\*\*\n\n"
PARAGRAPH = r"(?:(?!```|<!--|\*\*\w+\*\*\n|#|\|)[^\n]+\n)+"
SNIPPET = r"(?:<!-- [^\n]+ -->\n)?```[^\n]*\n(?:.*?\n)??```\n"
TAB = re.compile(rf"{LABEL}({PARAGRAPH}\n{SNIPPET}|{PARAGRAPH}|{SNIPPET})", re.MULTILINE | re.DOTALL)


_serving = False


def on_startup(*, command: str, dirty: bool) -> None:
    global _serving
    _serving = command == "serve"


def _there(entry: Any, docs: Path) -> bool:
    return entry not in OPTIONAL or (docs / entry).is_file()


def _computed(nav: list[Any], docs: Path) -> list[Any]:
    """Without what is not there, and with all decisions."""
    entries: list[Any] = []
    for entry in nav:
        if isinstance(entry, dict):
            ((title, inner),) = entry.items()
            entries.append({title: _computed(inner, docs) if isinstance(inner, list) else inner})
        elif _there(entry, docs):
            entries.append(entry)
    if "decisions/README.md" in entries:
        entries += sorted(f"decisions/{path.name}" for path in (docs / "decisions").glob("*.md") if path.name != "README.md")
    return entries


def on_config(config: Any) -> Any:
    config["nav"] = _computed(config["nav"], Path(config["docs_dir"]))
    return config


def tabbed(markdown: str) -> str:
    """The page with each run of labels as tabs of the site."""
    # mkdocs strips the end of the last line.
    return TAB.sub(lambda found: f"/// tab | {found[1]}\n{found[2]}///\n", f"{markdown}\n")


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """A link to a file of the repository outside the documentation goes to the repository's page of it, if the file exists."""
    folder = posixpath.join("docs", posixpath.dirname(page.file.src_uri))

    def link(found: re.Match[str]) -> str:
        before, target, anchor, after = found.groups()
        if re.match(r"[a-z]+:", target):
            return found[0]
        path = posixpath.normpath(posixpath.join(folder, target))
        if path.startswith("docs/"):
            return found[0]
        place = ROOT / path
        if path.startswith("..") or not place.exists():
            raise PluginError(f"{page.file.src_uri} links to {target}, which is not in the repository")
        kind = "tree" if place.is_dir() else "blob"
        return f"{before}{config['extra']['repository']}/{kind}/main/{path}{anchor or ''}{after}"

    return LINK.sub(link, tabbed(markdown))


def on_post_page(output: str, *, page: Any, config: Any) -> str:
    """The search of a translated page looks beside it, where build.py puts the index of its language."""
    depth = page.file.dest_uri.count("/")
    if _serving or not page.file.dest_uri.startswith("zh/"):
        return output
    there, here = "/".join([".."] * depth), "/".join([".."] * (depth - 1)) or "."
    return output.replace(f'"base": "{there}"', f'"base": "{here}"', 1)
