"""Reads from the docstrings of the Python package the parameters, results and errors of each call, and the fields of each result."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent.parent / "bindings-python" / "python" / "infrai"
#: The classes that have a group's calls, in any file of the package.
OWNERS = {"video": {"Video"}, "account": {"Account"}, "client": {"InfraiClient", "Activation", "ClientBase", "_ClientBase"}}
RESULTS = ("VideoJob", "CancelResult", "Download", "Balance", "TopupRecord", "ActivateResult", "ApiResponse")
#: Annotations as readers of every language understand them.
TYPES = (
    (r"EllipsisType \| | \| None", ""),
    (r"\bJobLike\b", "job or id"),
    (r"\b(Aspect|Resolution|Prefer|Region)\b", "str"),
    (r"Callable\[.*\]", "function"),
    (r".*PathLike.*", "path"),
    (r"Iterable\[str \| .*", "list of prompts"),
    (r"(?:Iterable|Sequence)\[str\]", "list of str"),
    (r"Mapping\[.*", "dict"),
    (r"Any", "any JSON"),
)


@dataclass
class Parameter:
    name: str
    kind: str
    default: str | None
    text: str


@dataclass
class Call:
    parameters: list[Parameter] = field(default_factory=list)
    result: str = ""
    errors: list[str] = field(default_factory=list)


def entries(docstring: str, title: str) -> dict[str, str]:
    """The entries of a section of a docstring in Google's style."""
    found = re.search(rf"^{title}:\n(.*?)(?:\n\n|\Z)", docstring, re.MULTILINE | re.DOTALL)
    texts: dict[str, str] = {}
    for line in found[1].splitlines() if found else []:
        if entry := re.match(r"    (\w[^:]*?): (.+)", line):
            name = entry[1]
            texts[name] = entry[2]
        elif texts:
            texts[name] += " " + line.strip()
    return {name: re.sub(r"``([^`]*)``", r"`\1`", text)[:1].upper() + re.sub(r"``([^`]*)``", r"`\1`", text)[1:] for name, text in texts.items()}


def _kind(annotation: ast.expr | None) -> str:
    kind = ast.unparse(annotation) if annotation else "any"
    for pattern, word in TYPES:
        kind = re.sub(pattern, word, kind)
    return kind


def _call(node: ast.FunctionDef, docstring: str, waiting: str) -> Call:
    texts, given = entries(docstring, "Args"), node.args
    positional = [argument for argument in given.args if argument.arg != "self"]
    defaults = [None] * (len(positional) - len(given.defaults)) + list(given.defaults)
    call = Call(result=ast.unparse(node.returns) if node.returns else "")
    for argument, default in [*zip(positional, defaults), *zip(given.kwonlyargs, given.kw_defaults)]:
        value = None if default is None else ast.unparse(default).replace("'", '"')
        value = {"None": "", "...": waiting if argument.arg == "timeout" else "", "()": ""}.get(value, value) if value else value
        call.parameters.append(Parameter(argument.arg, _kind(argument.annotation), value, texts.get(argument.arg, "")))
    for names, text in entries(docstring, "Raises").items():
        call.errors += [name for name in names.split(", ") if name.endswith("Error") and "." not in name and name != "InfraiError"]
        call.errors += re.findall(r"`([A-Z]+_[A-Z_]+)`", text)
    return call


def _classes() -> list[ast.ClassDef]:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.glob("*.py"))]
    return [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]


def calls(waiting: str) -> dict[str, Call]:
    """Every call that has a docstring; `waiting` is the default of a wait, in seconds."""
    found: dict[str, Call] = {}
    for owner in _classes():
        for node in (node for node in owner.body if isinstance(node, ast.FunctionDef)):
            for group in (group for group, names in OWNERS.items() if owner.name in names):
                if not node.name.startswith("_"):
                    found[f"{group}.{node.name}"] = _call(node, ast.get_docstring(node) or "", waiting)
            if owner.name == "Sandbox" and node.name == "__init__":
                found["testing.sandbox"] = _call(node, ast.get_docstring(owner) or "", waiting)
    # A call that refers to another for its parameters means those of the same names.
    texts = {part.name: part.text for call in found.values() for part in call.parameters if part.text}
    for part in (part for call in found.values() for part in call.parameters if not part.text):
        part.text = texts.get(part.name, "")
    return found


def results() -> dict[str, list[Parameter]]:
    """The fields of each result: name, type and meaning."""
    found: dict[str, list[Parameter]] = {}
    for owner in (owner for owner in _classes() if owner.name in RESULTS):
        fields = entries(ast.get_docstring(owner) or "", "Attributes")
        parts = [(re.fullmatch(r"(\w+) \((.*)\)", name), text) for name, text in fields.items()]
        found[owner.name] = [Parameter(part[1], part[2].replace(" | AsyncVideoJob", "").replace(" | None", "?"), None, text) for part, text in parts if part]
    return found
