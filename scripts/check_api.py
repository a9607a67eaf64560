#!/usr/bin/env python3
"""Checks docs/api.md and docs/api.zh.md against the sources. Ends with "N passed, N failed".

Every public call of every language has a section, and in its row there each parameter by its name, and no name that is not in the
sources. The tables of parameters have the names, defaults and texts of the docstrings of the Python package.
"""

from __future__ import annotations

import ast
import hashlib
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / "bindings-python/python/infrai"
#: A call's other name somewhere, and what is no call.
ALIASES = {"video.batch": "video.generate_many", "job.refresh": "job.status", "video.generate_from": "video.generate", "client.identity": "client.whoami", "client.discover_capability": "client.discover", "client.sandbox": "testing.sandbox"}
NO_CALLS = {"client.video", "client.account", "job.done", "client.create", "job.to_json", "job.encode", "job.hash"}
#: The classes of each group in Python, and the results whose fields the page has.
GROUPS = {"video": ["Video"], "account": ["Account"], "client": ["ClientBase", "Activation", "InfraiClient"], "job": ["JobBase", "VideoJob"]}
RESULTS = ("VideoJob", "CancelResult", "Download", "Balance", "TopupRecord", "ActivateResult", "ApiResponse", "WebhookEvent", "Discovery", "Capability")
#: The calls for webhooks, which every language but the command has.
WEBHOOKS = {"webhooks.verify": ["verify", "header", "secret"], "webhooks.seen_events": ["SeenEvents", "capacity", "add", "remove"]}
#: The pattern of Kotlin's classes, by which `foreign` keeps its signatures.
LABELS = {"Kotlin": "public class {}"}
#: A call's method and its parameters' names.
Calls = dict[str, list[str]]


#: Python's and Kotlin's parameters with their defaults, and Node's optional names, per call.
SIGNATURES: dict[tuple[str, str], str] = {}
OPTIONAL: dict[str, dict[str, bool]] = {}
#: Whether each argument of a call of Node is optional.
ARGUMENTS: dict[str, list[bool]] = {}


def text(*globs: str) -> str:
    """The sources, without comments of documentation."""
    whole = "\n".join(path.read_text(encoding="utf-8") for glob in globs for path in sorted(ROOT.glob(glob)))
    return re.sub(r"/\*\*.*?\*/|^[ ]*///[^\n]*\n", "", whole, flags=re.DOTALL | re.MULTILINE)


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z]+)", lambda found: "_" + found[1].lower(), name)


def bodies(source: str, header: str) -> str:
    """What stands in the outermost braces behind every line that begins with a header."""
    return "\n".join(re.findall(rf"^(?:{header})\b[^\n]*\{{\n(.*?)^\}}", source, re.MULTILINE | re.DOTALL))


def functions(body: str, head: str) -> Iterator[tuple[str, list[str], str]]:
    """The functions of a body: name, parameters, and what follows them."""
    for found in re.finditer(rf"^{head}(\w+)(?:<[^(]*>)?\(", body, re.MULTILINE):
        depth, start, parts = 1, found.end(), []
        for at in range(found.end(), len(body)):
            arrow = body[at] == ">" and body[at - 1] in "-="
            depth += (body[at] in "([{<") - (body[at] in ")]}>" and not arrow)
            if depth == 0 or (depth == 1 and body[at] == ","):
                parts.append(body[start:at].strip())
                start = at + 1
            if depth == 0:
                yield found[1], [part for part in parts if part], body[start : start + 80]
                break


def signature(arguments: ast.arguments) -> str:
    """The parameters of a Python function, as the page writes them."""
    def one(name: str, default: ast.expr | None) -> str:
        value = "" if default is None else ast.unparse(default)
        value = waiting_seconds() if value == "..." and name == "timeout" else value
        return f"{name}?" if value == "..." else f"{name}={value}" if value else name

    plain = [each.arg for each in arguments.args]
    defaults = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
    parts = [one(name, default) for name, default in zip(plain, defaults) if name != "self"]
    keywords = [one(each.arg, default) for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults)]
    return ", ".join([*parts, *(["*"] if keywords else []), *keywords])


def python() -> Calls:
    found = {}
    for group, owners in GROUPS.items():
        for node in (node for name, node in classes() if name in owners):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
                    SIGNATURES["Python", f"{group}.{method.name}"] = signature(method.args)
                    found[f"{group}.{method.name}"] = [method.name, *(each.arg for each in (*method.args.args, *method.args.kwonlyargs) if each.arg != "self")]
    for name, node in classes():
        if call := {"Sandbox": "testing.sandbox", "SeenEvents": "webhooks.seen_events"}.get(name):
            (made,) = (each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__")
            SIGNATURES["Python", call] = signature(made.args)
    return {**found, "testing.sandbox": ["Sandbox"]}


def node() -> Calls:
    found: Calls = {"testing.sandbox": ["startSandbox"]}
    types = text("bindings-node/ts/types.ts")
    declared = re.findall(r"^export interface (\w+)(?: extends (\w+))? \{\n(.*?)^\}", types, re.MULTILINE | re.DOTALL)
    fields = {name: re.findall(r"^  (\w+)\??:", body, re.MULTILINE) for name, _, body in declared}
    optional = {name: {field: mark == "?" for field, mark in re.findall(r"^  (\w+)(\??):", body, re.MULTILINE)} for name, _, body in declared}
    bases = {name: base for name, base, _ in declared if base not in ("", "CallOptions", "ClientCallOptions")}
    for group, file, name in (("video", "video", "Video"), ("account", "account", "Account"), ("client", "client", "InfraiClient")):
        for method, parameters, _ in functions(bodies(text(f"bindings-node/ts/{file}.ts"), f"export class {name}"), "  (?:async )?(?!constructor)"):
            kinds = [parameter.split(":", 1)[1].split("=")[0].strip() for parameter in parameters]
            options = [kind for kind in kinds if kind.endswith(("Options", "Request")) and kind != "CallOptions"]
            ARGUMENTS[f"{group}.{snake(method)}"] = [bool(re.match(r"\w+\?", parameter)) or re.search(r" = [^>]*$", parameter) is not None for parameter in parameters]
            OPTIONAL[f"{group}.{snake(method)}"] = {field: mark for kind in options for each in (bases.get(kind, ""), kind) for field, mark in optional.get(each, {}).items()}
            found[f"{group}.{snake(method)}"] = [method, *(field for kind in options for each in (kind, bases.get(kind, "")) for field in fields.get(each, []))]
    return found


def foreign(files: str, header: str, head: str, label: str) -> Calls:
    """Swift's or Kotlin's calls; of several forms, the longest."""
    found: Calls = {}
    for group, name in (("video", "Video"), ("account", "Account"), ("client", "InfraiClient"), ("job", "VideoJob")):
        for method, parameters, _ in functions(bodies(text(files), header.format(name)), head):
            key, written = (header, f"{group}.{snake(method)}"), ", ".join(
                re.sub(r"^(\w+):.*?(?: = (.+))?$", lambda part: f"{part[1]} = {part[2]}" if part[2] else part[1], parameter, flags=re.DOTALL) for parameter in parameters
            )
            SIGNATURES[key] = max(SIGNATURES.get(key, ""), written, key=len)
            words = [method, *(re.match(label, parameter)[0] for parameter in parameters)]  # type: ignore[index]
            found[f"{group}.{snake(method)}"] = max(found.get(f"{group}.{snake(method)}", []), [word for word in words if word != "_"], key=lambda each: len("".join(each)))
    return found


def rust() -> Calls:
    sources = re.sub(r"^    #\[doc\(hidden\)\]\n    pub ", "    ", text("core/src/api/**/*.rs", "core/src/client.rs"), flags=re.MULTILINE)
    builders: dict[str, list[str]] = {}
    for name, body in re.findall(r"^impl (\w+)(?:<'_>)? \{\n(.*?)^\}", sources, re.MULTILINE | re.DOTALL):
        forwarded = re.search(r"^    forwarded! \{(.*?)^    \}", body, re.MULTILINE | re.DOTALL)
        names = re.findall(r"^\s+(\w+): ", forwarded[1], re.MULTILINE) if forwarded else []
        builders[name] = builders.get(name, []) + names + [method for method, parameters, _ in functions(body, "    pub fn ") if parameters and re.fullmatch(r"(?:mut )?self", parameters[0])]
    found: Calls = {"client.new_idempotency_key": ["new_idempotency_key"], "testing.sandbox": ["Sandbox", "builder"]}
    for group, name in (("video", "Video"), ("account", "Account"), ("client", "InfraiClient")):
        for method, parameters, more in functions(bodies(sources, f"impl {name}"), "    pub (?:async )?fn "):
            if parameters and "self" in parameters[0] and method not in ("video", "account"):
                gives = re.match(r"\s*-> (?:Result<)?(\w+)", more)
                options = builders.get(gives[1], []) if gives and gives[1] != name and gives[1] != "InfraiClient" else []
                found[f"{group}.{method}"] = [method, *(parameter.split(":")[0] for parameter in parameters[1:]), *options]
    return found


def command() -> Calls:
    found = {}
    for enum, group in (("VideoCommand", "video"), ("AccountCommand", "account"), ("Command", "client")):
        for name in re.findall(r"^    ([A-Z]\w+)(?:\(\w+\)|,| \{)", bodies(text("cli/src/args/*.rs"), f"pub(?:\\(.*\\))? enum {enum}"), re.MULTILINE):
            found[f"{group}.{name.lower()}"] = [name.lower()]
    return found


SWIFT, KOTLIN = "bindings-swift/Sources/Infrai/*.swift", "bindings-kotlin/src/main/kotlin/dev/infrai/*.kt"
LANGUAGES = {
    "Python": (python, ("bindings-python/python/infrai/*.py",)),
    "Node": (node, ("bindings-node/ts/*.ts",)),
    "Rust": (rust, ("core/src/**/*.rs", "sandbox/src/*.rs")),
    "Swift": (lambda: foreign(SWIFT, r"(?:public )?(?:final class|struct|extension) {}", r"    public (?:static )?func ", r"\w+"), (SWIFT,)),
    "Kotlin": (lambda: foreign(KOTLIN, r"public class {}", r" {{4,8}}(?:override fun (?=close)|public (?:suspend )?fun )".replace("{{", "{").replace("}}", "}"), r"\w+"), (KOTLIN,)),
    "Command": (command, ("cli/src/**/*.rs",)),
}


def classes() -> list[tuple[str, ast.ClassDef]]:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PYTHON.glob("*.py"))]
    return [(node.name, node) for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]


def entries(docstring: str, title: str) -> dict[str, str]:
    """The entries of a section of a docstring in Google's style."""
    found = re.search(rf"^{title}:\n(.*?)(?:\n\n|\Z)", docstring, re.MULTILINE | re.DOTALL)
    texts: dict[str, str] = {}
    for line in found[1].splitlines() if found else []:
        if entry := re.match(r"    (\w[^:]*?): (.+)", line):
            texts[name := entry[1]] = entry[2]
        elif texts:
            texts[name] += " " + line.strip()
    plain = {name: re.sub(r"``([^`]*)``", r"`\1`", each).replace("|", "\\|") for name, each in texts.items()}
    return {name: each[:1].upper() + each[1:] for name, each in plain.items()}


def waiting_seconds() -> str:
    wait = re.search(r"^pub const DEFAULT_WAIT_TIMEOUT: Duration = Duration::from_secs\(([\d_ *]+)\);", text("core/src/options/video.rs"), re.MULTILINE)
    return str(math.prod(int(number) for number in wait[1].split("*")))  # type: ignore[index]


def tables() -> dict[str, list[tuple[str, str, str]]]:
    """The rows of each call's or result's table: name, default, text."""
    waiting = waiting_seconds()
    found: dict[str, list[tuple[str, str, str]]] = {}
    # The functions of the module are its methods.
    module = ast.parse((PYTHON / "webhooks.py").read_text(encoding="utf-8"))
    for owner, body in [*classes(), ("webhooks", module)]:
        if owner in RESULTS:
            names = ((re.match(r"\w+(?= \()", name), each) for name, each in entries(ast.get_docstring(body) or "", "Attributes").items())
            found[owner] = [(name[0], "", each) for name, each in names if name]
        groups = [group for group, owners in GROUPS.items() if owner in owners and group != "job"]
        for method in (node for node in body.body if isinstance(node, ast.FunctionDef)):
            calls = [f"{group}.{method.name}" for group in groups if not method.name.startswith("_")]
            if method.name == "__init__":
                calls = {"Sandbox": ["testing.sandbox"], "SeenEvents": ["webhooks.seen_events"]}.get(owner, [])
            elif owner == "webhooks":
                calls = [f"webhooks.{method.name}"]
            texts = entries(ast.get_docstring(body if method.name == "__init__" else method) or "", "Args")
            plain = [each for each in method.args.args if each.arg != "self"]
            defaults = [None] * (len(plain) - len(method.args.defaults)) + list(method.args.defaults)
            for call in calls:
                found[call] = []
                for each, default in [*zip(plain, defaults), *zip(method.args.kwonlyargs, method.args.kw_defaults)]:
                    value = "" if default is None else ast.unparse(default).replace("'", '"')
                    value = {"None": "", "()": "", "...": waiting if each.arg == "timeout" else ""}.get(value, value)
                    found[call].append((each.arg, value, texts.get(each.arg, "")))
    # A call that refers to another for its parameters means those of the same names.
    known = {name: each for call, rows in found.items() for name, _, each in rows if "." in call and each}
    return {call: [(name, value, each or known.get(name, "")) for name, value, each in rows] for call, rows in found.items()}


def sections(page: str) -> dict[str, str]:
    parts = re.split(r"^###? (.+)\n", (ROOT / "docs" / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def rows(section: str) -> dict[str, str]:
    return dict(re.findall(r"^\| `?([^|`]*)`? \| (.*) \|$", section, re.MULTILINE))


def parameters(code: str) -> str:
    # Further calls may follow, such as ` .add(id)`.
    found = re.search(r"\((.*)\)", code.split(" .")[0])
    return found[1] if found else ""


def arguments(code: str) -> list[bool]:
    """Whether each argument of a call as Node's rows write it is optional."""
    whole = re.sub(r"\{[^}]*\}", "fields", parameters(code))
    return [part.endswith("?") for part in whole.split(", ") if part]


def unknown_kinds(section: str, title: str) -> list[str]:
    """Names behind "Errors:" that are neither a kind nor a code."""
    kinds = re.findall(r'=> "(\w+)"', (ROOT / "core/src/error_kind.rs").read_text(encoding="utf-8"))
    codes = re.findall(r"^### (\w+)$", (ROOT / "docs/error-codes.md").read_text(encoding="utf-8"), re.MULTILINE)
    line = re.search(rf"{title}(.*)$", section, re.MULTILINE)
    return [name for name in re.findall(r"`(\w+)`", line[1] if line else "") if name not in kinds and name not in codes]


def fingerprint(english: str) -> str:
    """Identifies the prose of the English section, for the mark in its translation."""
    rows = re.findall(r"^\| `\w+` \| .* \|$", english, re.MULTILINE)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:12]


def translated() -> None:
    """Marks each translated table with the fingerprint of the English one."""
    path = ROOT / "docs/api.zh.md"
    page = re.sub(r"^<!-- english: \w+ -->\n\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for name, section in sections("api.md").items():
        if re.search(r"^\| `\w+` \|", section, re.MULTILINE):
            heading = {"The job": "任务"}.get(name, name)
            page = re.sub(rf"^(###? {re.escape(heading)}\n\n)", rf"\1<!-- english: {fingerprint(section)} -->\n\n", page, count=1, flags=re.MULTILINE)
    path.write_text(page, encoding="utf-8")


def main() -> int:
    if sys.argv[1:] == ["--translated"]:
        translated()
        return 0
    english, chinese = sections("api.md"), sections("api.zh.md")
    bad, checked = [], 0
    for language, (read, globs) in LANGUAGES.items():
        known = set(re.findall(r"\w+", text(*globs))) | {"infrai", "client", "video", "account", "testing", "job"}
        found = {call: words for call, words in read().items() if call not in NO_CALLS}
        # A call's own name comes first; another form of it changes nothing.
        found |= WEBHOOKS if language != "Command" else {}
        written = {ALIASES[call]: words for call, words in found.items() if call in ALIASES} | {call: words for call, words in found.items() if call not in ALIASES}
        for call, section in english.items():
            if "." not in call:
                continue
            checked += 1
            cell = rows(section).get(language, "")
            code = re.fullmatch(r"`([^`]*)`", cell)
            words = set(re.findall(r"\w+", code[1] if code else ""))
            if not cell:
                bad.append(f"api.md: {call} has no row of {language}: its form there, or why there is none")
            elif call in written and (lacking := [word for word in written[call] if word not in words]):
                bad.append(f"api.md: {call} in {language} lacks {', '.join(lacking)}")
            elif call in written and (unknown := [word for word in words if word not in known and not word.isdigit()]):
                bad.append(f"api.md: {call} in {language} has {', '.join(unknown)}, which the sources do not have")
            elif call in written and code and (places := [re.search(rf"\b{word}\b", code[1]).start() for word in written[call]]) != sorted(places):
                bad.append(f"api.md: {call} in {language} has its words in another order than the sources")
            elif call in written and code and (wanted := SIGNATURES.get((LABELS.get(language, language), call))) is not None and parameters(code[1]) != wanted:
                bad.append(f"api.md: {call} in {language} has other parameters or defaults than `{wanted}`")
            elif call in written and code and language == "Node" and (wrong := [name for name, mark in OPTIONAL.get(call, {}).items() if mark != bool(re.search(rf"\b{name}\?", code[1]))]):
                bad.append(f"api.md: {call} in Node: whether {', '.join(wrong)} is optional differs from the sources")
            elif call in written and code and language == "Node" and ARGUMENTS.get(call, marks := arguments(code[1])) != marks:
                bad.append(f"api.md: {call} in Node: optional arguments are {ARGUMENTS[call]} in the sources, {marks} here")
            elif call not in written and code and language != "Command" and code[1].startswith(f"{call}("):
                bad.append(f"api.md: {call} is not in {language}")
            if bool(code) != bool(re.fullmatch(r"`[^`]*`", other := rows(chinese.get(call, "")).get({"Command": "命令行"}.get(language, language), ""))) or (code and other != cell):
                bad.append(f"api.zh.md: {call} in {language} is not as in api.md")
        bad += [f"api.md: {language} has {call}, and the page no section of it" for call in written if call not in english]
    for call, wanted in tables().items():
        name = {"VideoJob": "The job"}.get(call, call)
        section = english.get(name, "")
        cells = re.findall(r"^\| `(\w+)` \| `(.*?)` \| (.*) \|$", section, re.MULTILINE)
        found = [(name, kind.partition(" = ")[2], each) for name, kind, each in cells if (name, kind) and not name.istitle()]
        if section and found != wanted:
            bad.append(f"api.md: {name}: the table differs from the docstring: {set(wanted) ^ set(found)}")
        there = re.findall(r"^\| `(\w+)` \| `(.*?)` \|", chinese.get({"The job": "任务"}.get(name, name), ""), re.MULTILINE)
        if section and there != [(name, kind) for name, kind, _ in cells]:
            bad.append(f"api.zh.md: {name}: other parameters than in api.md")
        if wanted and section and f"<!-- english: {fingerprint(section)} -->" not in chinese.get({"The job": "任务"}.get(name, name), ""):
            bad.append(f"api.zh.md: {name}: the English table changed: translate it, then run scripts/check_api.py --translated")
        checked += 1
    for page, parts, title in (("api.md", english, "Errors:"), ("api.zh.md", chinese, "错误：")):
        bad += [f"{page}: {call}: `{kind}` is no kind of error" for call, section in parts.items() if "." in call for kind in unknown_kinds(section, title)]
    print(*bad, f"{checked if not bad else 0} passed, {len(bad)} failed", sep="\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
