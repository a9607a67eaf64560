"""Computed parts of the site: the pages that are there, links that leave the documentation for the repository, and the pages as Markdown."""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import pages as markdown_pages  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent.parent
#: Pages that hold a link to a file outside of docs/, for readers on GitHub, and show that file on the site.
ADOPTED = {"changelog.md": "CHANGELOG.md", "examples.md": "examples/README.md"}
#: Words of a decision's file name that its entry in the navigation spells otherwise.
SPELLED = {"h264": "H.264", "tls": "TLS", "python": "Python", "uniffi": "UniFFI", "swift": "Swift", "node": "Node"}
#: First page of a generated reference, where it is no index.
ENTRIES = {"rust": "infrai/index.html", "swift": "documentation/infrai/"}
ENGLISH_ONLY = "!!! note \"本页只有英文\"\n    本页随代码更新，不提供中文版。\n\n"
#: Said in llms.txt before the list.
LLMS = """The Python and the npm package contain these pages for their own language and version: `python -m infrai docs`, `node_modules/@infrai/sdk/docs/index.md`. All
of them in one file: [llms-full.txt](llms-full.txt). Every call that changes something is charged once per idempotency key; a program that retries passes the same key."""
#: Pages of the navigation that need not be there.
OPTIONAL = {"releasing.md", "reliability.md", "threat-model.md"}
LINK = markdown_pages.LINK
#: The kinds of names of the Python package; each name belongs to the first that it fits.
NAMES = {
    "Clients": r"\w*Client|configure",
    "Calls": r"(Async)?(Video|Account)",
    "Errors": r"\w+Error",
    "Types": r"Aspect|Prefer|Region|Resolution|\w+Options|\w+Event",
    "Jobs and results": r"[A-Z]\w+",
}


_serving = False
#: The English pages as Markdown, by their addresses on the site; their sections in the navigation; the site's English name and description.
_english: dict[str, str] = {}
_sections: dict[str, str] = {}
_about: dict[str, str] = {}


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
    # Once for all languages: the next one's navigation has them already.
    if entries == ["decisions/README.md"]:
        for path in sorted((docs / "decisions").glob("[0-9]*.md")):
            number, *words = path.stem.split("-")
            title = " ".join(SPELLED.get(word, word) for word in words)
            entries.append({f"{int(number)}. {title[0].upper()}{title[1:]}": f"decisions/{path.name}"})
    return entries


def on_config(config: Any) -> Any:
    config["nav"] = _computed(config["nav"], Path(config["docs_dir"]))
    return config


def tabbed(markdown: str) -> str:
    """The page with each run of labels as tabs of the site."""
    # mkdocs strips the end of the last line.
    return markdown_pages.TAB.sub(lambda found: f"/// tab | {found[1]}\n{found[2]}///\n", f"{markdown}\n")


def _reference() -> str:
    """The names of the Python package, by kind, for the plugin that shows their docstrings. GitHub shows nothing in their place."""
    public = re.findall(r"^    from \.\w+ import \w+ as (\w+)$", (ROOT / "bindings-python/python/infrai/__init__.py").read_text(encoding="utf-8"), re.MULTILINE)
    parts = []
    for title, pattern in NAMES.items():
        found = [name for name in public if re.fullmatch(pattern, name)]
        public = [name for name in public if name not in found]
        parts += [f"## {title}", *(f"::: infrai.{name}" for name in found)]
    return "\n\n".join([*parts, "## Webhooks", "::: infrai.webhooks", "## Testing", "::: infrai.testing"])


def _address(page: Any) -> str:
    """Returns where the page as Markdown stands: links between such pages name the source files."""
    name = re.sub(r"\.zh\.md$", ".md", page.file.src_uri)
    return f"zh/{name}" if page.file.dest_uri.startswith("zh/") else name


def on_nav(nav: Any, *, config: Any, files: Any) -> Any:
    for page in nav.pages:
        _sections.setdefault(_address(page), page.ancestors[-1].title if page.ancestors else "")
    return nav


def _write_markdown(page: Any, markdown: str, config: Any) -> None:
    """Writes the page as Markdown beside its HTML, for readers that are programs."""
    place = _address(page)
    markdown = markdown.replace("<!-- reference -->", f"<{config['site_url']}reference/python.html>")
    text = markdown_pages.unmarked(re.sub(r"<!-- \w+ -->(.*)<!-- end -->", r"\1", markdown)).strip()
    if place.startswith("zh/"):
        # Pictures are there once, beside the English pages.
        text = re.sub(r"(!\[[^\]]*\]\()(?=images/)", r"\1../", text)
    else:
        _english[place] = text
        _about.update(name=config["site_name"], description=config["site_description"])
    target = Path(config["site_dir"], place)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"{text}\n", encoding="utf-8", newline="\n")


def on_post_build(*, config: Any) -> None:
    """Writes llms.txt, the list of the pages, and llms-full.txt, all of them in one file (https://llmstxt.org)."""
    home, groups = config["site_url"], dict[str, list[str]]()
    listed = [place for place in _sections if place in _english]
    for place in listed:
        title = _english[place].partition("\n")[0].removeprefix("# ")
        # The title of a decision says what it is.
        about = "" if re.search(r"/\d", place) else f": {markdown_pages.summary(_english[place])}"
        # The form calls optional what a short context can do without.
        section = {"": "Guide", "Project": "Optional"}.get(_sections[place], _sections[place])
        groups.setdefault(section, []).append(f"- [{title}]({home}{place}){about}")
    lists = "\n\n".join(f"## {section}\n\n" + "\n".join(entries) for section, entries in groups.items())
    site = Path(config["site_dir"])
    (site / "llms.txt").write_text(f"# {_about['name']}\n\n> {_about['description']}.\n\n{LLMS}\n\n{lists}\n", encoding="utf-8", newline="\n")
    (site / "llms-full.txt").write_text("\n\n".join(f"<!-- {home}{place} -->\n\n{_english[place]}" for place in listed) + "\n", encoding="utf-8", newline="\n")


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """A link to a file of the repository outside the documentation goes to the repository's page of it, if the file exists."""
    source = posixpath.join("docs", page.file.src_uri)
    if page.file.src_uri in ADOPTED:
        markdown = (ROOT / ADOPTED[page.file.src_uri]).read_text(encoding="utf-8")
    here, folder = posixpath.dirname(source), posixpath.dirname(ADOPTED.get(page.file.src_uri, source))
    pages = {repository: posixpath.join("docs", name) for name, repository in ADOPTED.items()}

    def link(found: re.Match[str]) -> str:
        before, target, anchor, after = found.groups()
        if re.match(r"[a-z]+:", target):
            return found[0]
        path = posixpath.normpath(posixpath.join(folder, target))
        path = pages.get(path, path)
        if path.startswith("docs/"):
            # GitHub needs the Chinese file's name; the site's plugin chooses the language of a page by itself.
            path = re.sub(r"\.zh\.md$", ".md", path)
            return f"{before}{posixpath.relpath(path, here)}{anchor or ''}{after}"
        place = ROOT / path
        if path.startswith("..") or not place.exists():
            raise PluginError(f"{page.file.src_uri} links to {target}, which is not in the repository")
        kind = "tree" if place.is_dir() else "blob"
        return f"{before}{config['extra']['repository']}/{kind}/main/{path}{anchor or ''}{after}"

    fallback = page.file.dest_uri.startswith("zh/") and not page.file.src_uri.endswith(".zh.md")
    up = "../../" if fallback else "../"

    def reference(found: re.Match[str]) -> str:
        language, title = found[1], found[1].capitalize()
        # Those of scripts/site/references.py are there where their toolchains are.
        if language != "node" and not (ROOT / "target" / "references" / language).is_dir():
            return found[0]
        return f'<a href="{up}reference/{language}/{ENTRIES.get(language, "index.html")}">{title} reference</a>'

    _write_markdown(page, LINK.sub(link, markdown), config)
    markdown = re.sub(r"<!-- (node|rust|swift|kotlin) -->.*<!-- end -->", reference, markdown)
    # Once: each name has one place, for links to it.
    markdown = markdown.replace("<!-- reference -->", '<a href="../../reference/python.html">Python reference</a>' if fallback else _reference())
    return (ENGLISH_ONLY if fallback else "") + LINK.sub(link, tabbed(markdown))


def on_post_template(output: str, *, template_name: str, config: Any) -> str:
    """One page for what is not found, with both languages: each language's build would write it anew."""
    if template_name != "404.html":
        return output
    if config["theme"]["language"] == "zh":
        return ""
    home = config["site_url"] or "/"
    return re.sub(
        r"<h1>.*?</h1>",
        f'<h1>Not found · 页面不存在</h1><p>The page may have moved: <a href="{home}">start page</a>, or search above.</p>'
        f'<p lang="zh">页面可能已移动：请回到<a href="{home}zh/">首页</a>，或使用上方搜索。</p>',
        output,
        count=1,
    )


def on_post_page(output: str, *, page: Any, config: Any) -> str:
    """The search of a translated page looks beside it, where build.py puts the index of its language."""
    depth = page.file.dest_uri.count("/")
    if _serving or not page.file.dest_uri.startswith("zh/"):
        return output
    there, here = "/".join([".."] * depth), "/".join([".."] * (depth - 1)) or "."
    return output.replace(f'"base": "{there}"', f'"base": "{here}"', 1)
