#!/usr/bin/env python3
"""Checks the layering of a crate: imports between folders go down only, and no files import one another in a circle.
The asynchronous runtime is used through one file.

It reads the `use` declarations and `crate::` paths of the sources, without tests. A re-export counts as an import of
the file that declares the item.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: Folders and files at the root of a crate, from the top down. Those of one set may not import one another. What is in
#: no set is a leaf: every layer may import it, and it imports leaves alone.
LAYERS: dict[str, list[set[str]]] = {
    "core/src": [{"builder"}, {"client"}, {"api"}, {"http", "polling"}, {"auth"}, {"wire"}],
}
#: Parts of Tokio that only one file of a crate may use.
RUNTIME = re.compile(r"tokio::(time|task|runtime|spawn)\b")
SEAM = "runtime.rs"
#: Test support, which imports what it tests.
TESTS = re.compile(r"(^|/)(tests|fuzzing)(/|\.rs$)|_tests\.rs$|(^|/)script\.rs$")

ModulePath = tuple[str, ...]


@dataclass
class File:
    """A source file as a module."""

    name: str
    module: ModulePath
    imports: list[ModulePath] = field(default_factory=list)
    reexports: dict[str, ModulePath] = field(default_factory=dict)
    tokio: list[str] = field(default_factory=list)


def without_tests(source: str) -> str:
    source = re.sub(r"//[^\n]*", "", source)
    return re.split(r"#\[cfg\((?:all\()?test\b[^\]]*\]\s*mod tests \{", source)[0]


def flatten(tree: str) -> list[str]:
    """Returns the paths of a use tree: `a::{b, c::d}` is `a::b` and `a::c::d`."""
    parts, depth, start = [], 0, 0
    for at, char in enumerate(tree + ","):
        depth += (char == "{") - (char == "}")
        if char == "," and depth == 0:
            parts.append(tree[start:at].strip())
            start = at + 1
    paths = []
    for part in filter(None, parts):
        group = re.fullmatch(r"([^{]*)\{(.*)\}", part, re.S)
        paths += [group[1].strip() + path for path in flatten(group[2])] if group else [part.split(" as ")[0].strip()]
    return paths


def absolute(path: str, module: ModulePath) -> ModulePath:
    names = path.split("::")
    base = () if names[0] == "crate" else module
    while names and names[0] in {"crate", "self", "super"}:
        base = base[:-1] if names.pop(0) == "super" else base
    return (*base, *(name for name in names if name not in {"self", "*"}))


def read(folder: Path) -> dict[ModulePath, File]:
    files = {}
    for path in sorted(folder.rglob("*.rs")):
        name = path.relative_to(folder).as_posix()
        if TESTS.search(name):
            continue
        module = tuple(name.removesuffix(".rs").split("/"))
        module = module[:-1] if module[-1] in {"mod", "lib"} else module
        file = files[module] = File(name, module)
        source = without_tests(path.read_text(encoding="utf-8"))
        for public, tree in re.findall(r"^\s*(pub(?:\([a-z]+\))? )?use ((?:crate|super|self)::[^;]*);", source, re.M):
            for used in flatten(" ".join(tree.split())):
                target = absolute(used, module)
                if public and target:
                    file.reexports[target[-1]] = target
                else:
                    file.imports.append(target)
        for tree in re.findall(r"\buse (tokio::[^;]*);", source):
            file.tokio += flatten(" ".join(tree.split()))
        bodies = re.sub(r"^\s*(?:pub(?:\([a-z]+\))? )?use [^;]*;", "", source, flags=re.M)
        file.imports += [tuple(path.split("::")) for path in re.findall(r"\bcrate::((?:\w+::)*\w+)", bodies)]
        file.tokio += re.findall(r"\btokio::\w+", bodies)
    return files


def resolve(target: ModulePath, files: dict[ModulePath, File], depth: int = 0) -> File | None:
    """Returns the file that declares an item."""
    for length in range(len(target), -1, -1):
        if (file := files.get(target[:length])) is not None:
            reexport = file.reexports.get(target[length]) if length < len(target) else None
            return resolve((*reexport, *target[length + 1 :]), files, depth + 1) if reexport and depth < 8 else file
    return None


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Returns the strongly connected components of more than one file (Tarjan's algorithm)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(edges[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            component = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(component) > 1:
                found.append(sorted(component))

    for name in sorted(edges):
        if name not in index:
            visit(name)
    return found


def check(folder: Path, layers: list[set[str]]) -> list[str]:
    """Returns what is wrong with a crate's imports."""
    files = read(folder)
    rank = {name: level for level, layer in enumerate(layers) for name in layer}
    edges: dict[str, set[str]] = {file.name: set() for file in files.values()}
    wrong = []
    for file in files.values():
        used = sorted({path for path in file.tokio if RUNTIME.match(path) and file.name != SEAM})
        wrong += [f"{file.name} uses {path}, which only {SEAM} may" for path in used]
        for target in file.imports:
            other = resolve(target, files)
            # The root only declares and re-exports.
            if other is None or other is file or not other.module or not file.module:
                continue
            edges[file.name].add(other.name)
            here, there = file.module[0], other.module[0]
            down = rank.get(here, len(layers)) < rank.get(there, len(layers))
            if here != there and there in rank and not down:
                wrong.append(f"{file.name} imports {other.name}, which is not below it")
    wrong += [f"these files import one another in a circle: {', '.join(circle)}" for circle in circles(edges)]
    return sorted(set(wrong))


def main() -> int:
    wrong = [f"{crate}: {text}" for crate, layers in LAYERS.items() for text in check(ROOT / crate, layers)]
    print(*wrong, f"{len(LAYERS) if not wrong else 0} passed, {len(wrong)} failed", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
