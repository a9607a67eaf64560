#!/usr/bin/env python3
"""Checks the layering of a crate: imports between folders go down only, and no files import one another in a circle.

It reads the tokens of the sources, without tests, comments and the contents of string literals. An import is a `use`
declaration, or a path in other code that starts with `crate`, `self`, `super` or a name that a `use` or `mod` declares.
It counts as an import of the file that declares the item, and of every file on the way that re-exports the item from
elsewhere. A re-export is an import too, unless a folder's root re-exports what its own children declare.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: The checked crates. A crate's layers are the folders and files at its root, from
#: the top down. Those of one set may not import one another. What is in no set is a leaf: every layer may import it, and it
#: imports leaves alone. The crate's root file is above all layers. Another crate needs an entry here, nothing else.
LAYERS: dict[str, list[set[str]]] = {
    "core/src": [{"builder"}, {"client", "webhooks"}, {"api"}, {"http", "polling"}, {"auth"}, {"wire"}],
    "bindings-common/src": [],
    "bindings-python/src": [],
    "bindings-node/src": [],
    "bindings-uniffi/src": [],
    "cli/src": [],
    "sandbox/src": [{"builder"}, {"server"}, {"api", "middleware"}, {"app"}, {"data_dir", "runner"}, {"store"}, {"db"}],
    "sandbox/render/src": [{"render"}, {"caption", "encode", "picture", "thumbnail"}, {"text"}, {"mux", "overlay"}, {"frame"}],
}

TOKEN = re.compile(
    r"""\s+ | //[^\n]* | (?P<comment>/\*)
    | (?P<token> [bc]?r(?P<hashes>\#*)".*?"(?P=hashes) | [bc]?"(?:\\.|[^"\\])*" | b?'(?:\\.[^']*|[^\\'])' | '\w+ | (?:r\#)?\w+ | :: | \.{2,} | . )""",
    re.S | re.X,
)
NAME = re.compile(r"(?:r#)?[^\W\d]\w*")
#: Attributes of modules that exist in tests alone.
TEST = re.compile(r"#\[cfg\((?:test\)|all\(test,|any\(test,fuzzing\))")
FILE = re.compile(r'\bpath="([^"]*)"')
#: What the check cannot follow.
REFUSED = (["extern", "crate", "self"], ["include", "!"], ["macro_use"], ["mod", "$"])
ANCHORS = {"crate", "self", "super"}

Names = tuple[str, ...]


def tokenize(source: str) -> list[str]:
    tokens, at = [], 0
    while match := TOKEN.match(source, at):
        at = match.end()
        if match["comment"]:
            depth = 1
            while depth and (edge := re.compile(r"/\*|\*/").search(source, at)):
                depth += 1 if edge[0] == "/*" else -1
                at = edge.end()
        elif token := match["token"]:
            tokens.append(token if token in {"r#use", "r#mod"} or '"' in token else token.removeprefix("r#"))
    return tokens


def use_tree(tokens: list[str], at: int, path: Names = ()) -> tuple[int, list[tuple[Names, str]]]:
    """Returns the end of a use tree, and its paths with the names that they get: `a::{b, c as d}` is `a::b` and `a::c`."""
    if tokens[at] == "::":
        path, at = ("::",), at + 1
    while NAME.fullmatch(tokens[at]) and tokens[at + 1] == "::":
        path, at = (*path, tokens[at]), at + 2
    if tokens[at] == "{":
        found = []
        while tokens[at] != "}":
            at += 1
            if tokens[at] != "}":
                at, more = use_tree(tokens, at, path)
                found += more
            if tokens[at] not in {",", "}"}:
                raise ValueError
        return at + 1, found
    if tokens[at] != "*" and not NAME.fullmatch(tokens[at]):
        raise ValueError
    path = path if tokens[at] == "self" and path else (*path, tokens[at])
    if tokens[at + 1] == "as" and NAME.fullmatch(tokens[at + 2]):
        return at + 3, [(path, tokens[at + 2])]
    return at + 1, [(path, path[-1])]


class Crate:
    """The modules of a crate. A module within a file is one too."""

    def __init__(self, folder: Path) -> None:
        #: The file of each module.
        self.files: dict[Names, str] = {}
        #: What the `use` declarations of a module name.
        self.names: dict[Names, dict[str, set[Names]]] = defaultdict(lambda: defaultdict(set))
        #: The paths in each module, and whether they are re-exports.
        self.imports: dict[Names, set[tuple[Names, bool]]] = defaultdict(set)
        #: What the check cannot follow in each module.
        self.refused: dict[Names, set[str]] = defaultdict(set)
        #: The modules that are declared for tests, and those that are declared otherwise.
        self.tests, self.declared = set[Names](), set[Names]()
        for path in sorted(folder.rglob("*.rs")):
            name = path.relative_to(folder).as_posix()
            module = tuple(name.removesuffix(".rs").split("/"))
            module = module[:-1] if module[-1] in {"mod", "lib", "main"} else module
            if module in self.files:
                self.refused[module].add(f"a second file of the module in {self.files[module]}")
            self.files[module] = name
            self.read(module, ["", *tokenize(path.read_text(encoding="utf-8")), "", "", ""])

    def read(self, module: Names, tokens: list[str]) -> None:
        scopes, start, at = [module], 0, 1
        while at < len(tokens) - 3:
            token, following, scope = tokens[at], tokens[at + 1], scopes[-1]
            if any(tokens[at : at + len(refused)] == refused for refused in REFUSED):
                self.refused[scope].add(f"`{token}`")
            if token == "mod" and tokens[at + 2] in {"{", ";"}:
                at += 2
                self.declare(module, (*scope, following), tokens[start:at])
                if tokens[at] == "{":
                    self.files[(*scope, following)] = self.files[module]
                    scopes.append((*scope, following))
            elif token == "use" and following != "<":
                try:
                    end, paths = use_tree(tokens, at + 1)
                    if tokens[end] != ";":
                        raise ValueError
                except (ValueError, IndexError):
                    self.refused[scope].add(f"`{' '.join(tokens[at : at + 6])} …`")
                    end, paths = at, []
                for path, alias in paths:
                    self.imports[scope].add((path, "pub" in tokens[start:at]))
                    if alias not in {"*", "_"}:
                        self.names[scope][alias].add(path)
                at = end
            elif token == "{":
                scopes.append(scope)
            elif token == "}" and len(scopes) > 1:
                scopes.pop()
            elif NAME.fullmatch(token) and tokens[at - 1] not in {"::", "."}:
                path = (token,)
                while tokens[at + 1] == "::" and NAME.fullmatch(tokens[at + 2]):
                    path, at = (*path, tokens[at + 2]), at + 2
                if token in ANCHORS and tokens[at + 1 : at + 3] == ["::", "$"]:
                    self.refused[scope].add(f"`{'::'.join(path)}::$`")
                if len(path) > 1 or token not in ANCHORS:
                    self.imports[scope].add((path, False))
            at += 1
            start = at if tokens[at - 1] in {"{", "}", ";"} else start

    def declare(self, module: Names, child: Names, attributes: list[str]) -> None:
        """Notes whether a module exists in tests alone, and its file if an attribute names one."""
        test = TEST.search("".join(token for token in attributes if '"' not in token)) is not None
        (self.tests if test else self.declared).add(child)
        if file := FILE.search("".join(attributes)):
            other = (*Path(self.files[module]).parent.parts, *file[1].removesuffix(".rs").split("/"))
            (self.tests if test else self.declared).add(other)
            if other[:-1] == child[:-1]:
                self.names[child[:-1]][child[-1]].add(("crate", *other))
            elif not test:
                self.refused[child[:-1]].add(f"the path of `{child[-1]}`")

    def in_tests(self, module: Names) -> bool:
        return any(module[:length] in self.tests - self.declared for length in range(len(module) + 1))

    def absolute(self, path: Names, scope: Names) -> Names | None:
        """Returns a path from the crate's root, or `None` if it leads to another crate or into the module itself."""
        if path[0] not in ANCHORS:
            known = path[0] in self.names[scope] or (len(path) > 1 and (*scope, path[0]) in self.files)
            return (*scope, *path) if known else None
        base = () if path[0] == "crate" else scope
        while path and path[0] in ANCHORS:
            base, path = base[:-1] if path[0] == "super" else base, path[1:]
        return (*base, *path)

    def of_child(self, target: Names | None, scope: Names) -> bool:
        child = (target or ())[: len(scope) + 1]
        return child[:-1] == scope and child in self.files and child != scope

    def resolve(self, target: Names, seen: frozenset[tuple[Names, Names]] = frozenset()) -> set[Names]:
        """Returns the modules that declare an item, and those that re-export it from elsewhere."""
        if self.in_tests(target):
            return set()
        found: set[Names] = set()
        owner = next((target[:length] for length in range(len(target), -1, -1) if target[:length] in self.files), target)
        if owner in self.files and (owner == target or target[len(owner)] not in self.names[owner]):
            found.add(owner)
        for length, name in enumerate(target):
            scope = target[:length]
            for path in self.names[scope].get(name, ()):
                other = self.absolute(path, scope)
                if not self.of_child(other, scope):
                    found.add(scope)
                if other is not None and (scope, path) not in seen:
                    found |= self.resolve((*other, *target[length + 1 :]), seen | {(scope, path)})
        return found


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Returns the groups of files that import one another, directly or through others."""
    reached = {name: set(others) for name, others in edges.items()}
    for middle in edges:
        for others in reached.values():
            others |= reached[middle] if middle in others else set()
    groups = {frozenset(other for other in reached[name] if name in reached[other]) for name in edges}
    return sorted(sorted(group) for group in groups if group)


def check(folder: Path, layers: list[set[str]]) -> list[str]:
    """Returns what is wrong with a crate's imports."""
    crate = Crate(folder)
    rank = {"": -1} | {name: level for level, layer in enumerate(layers) for name in layer}
    edges: dict[str, set[str]] = {name: set() for name in crate.files.values()}
    wrong = []
    for scope, texts in crate.refused.items():
        wrong += [f"{crate.files[scope]}: the check cannot follow {text}" for text in texts if not crate.in_tests(scope)]
    for scope, imports in crate.imports.items():
        for path, public in imports if not crate.in_tests(scope) else ():
            target = crate.absolute(path, scope)
            name = crate.files[scope]
            if target and path[-1] == "*":
                wrong.append(f"{name}: the check cannot follow `{'::'.join(path)}`")
                continue
            # `use crate as c` imports nothing yet.
            if not target or (public and crate.of_child(target, scope)):
                continue
            for other in crate.resolve(target):
                if crate.files[other] == name:
                    continue
                edges[name].add(crate.files[other])
                here, there = scope[0] if scope else "", other[0] if other else ""
                if here != there and there in rank and rank.get(here, len(layers)) >= rank[there]:
                    wrong.append(f"{name} imports {crate.files[other]}, which is not below it")
    wrong += [f"these files import one another in a circle: {', '.join(circle)}" for circle in circles(edges)]
    return sorted(set(wrong))


def main() -> int:
    wrong = [f"{crate}: {text}" for crate, layers in LAYERS.items() for text in check(ROOT / crate, layers)]
    print(*wrong, f"{len(LAYERS) if not wrong else 0} passed, {len(wrong)} failed", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
