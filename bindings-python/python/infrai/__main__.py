"""Command line of the package: ``python -m infrai docs`` prints its documentation."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "docs"


def main() -> int:
    topics = sorted(path.stem for path in FOLDER.glob("*.md"))
    parser = argparse.ArgumentParser("python -m infrai")
    commands = parser.add_subparsers(dest="command", required=True)
    docs = commands.add_parser("docs", help="list the pages of the documentation, or print one as Markdown")
    docs.add_argument("topic", nargs="?", help="name of a page, such as errors; default: the list")
    topic = parser.parse_args().topic
    if not topics:
        sys.exit(f"{FOLDER} has no pages; in a checkout, `make python` writes them")
    if topic is None:
        width = max(map(len, topics))
        text = "".join(f"{name:{width}}  {_summary(name)}\n" for name in topics)
        text = f"Pages in {FOLDER}; python -m infrai docs TOPIC prints one.\n\n{text}"
    elif topic.removesuffix(".md") in topics:
        text = _page(topic.removesuffix(".md"))
    else:
        parser.error(f"invalid `topic`: expected one of {', '.join(topics)}; got {topic!r}")
    try:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, such as `head`, has enough.
        sys.stderr.close()
    return 0


def _page(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def _summary(name: str) -> str:
    """Returns the first sentence below the title of a page, without links."""
    first = _page(name).split("\n\n")[1].replace("\n", " ")
    return re.split(r"(?<=\.)\s", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", first), maxsplit=1)[0]


if __name__ == "__main__":
    sys.exit(main())
