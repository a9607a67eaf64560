"""Reads from the sources what each language's package offers: its calls, and what they take."""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
#: A call's canonical name ("video.generate_many") and how it is written.
Calls = dict[str, str]


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z]+)", lambda found: "_" + found[1].lower(), name)


def split(parameters: str) -> list[str]:
    """Parameters at the commas that stand in no bracket."""
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(parameters):
        arrow = letter == ">" and at > 0 and parameters[at - 1] in "-="
        depth += (letter in "([{<") - (letter in ")]}>" and not arrow)
        if letter == "," and depth == 0:
            parts.append(parameters[start:at])
            start = at + 1
    return [part.strip() for part in (*parts, parameters[start:]) if part.strip()]


def bracketed(source: str, at: int) -> str:
    """What stands in the brackets that open at this place."""
    depth = 0
    for end in range(at, len(source)):
        depth += (source[end] == "(") - (source[end] == ")")
        if depth == 0:
            return source[at + 1 : end]
    raise ValueError("a bracket is never closed")


# -- Python


def default_wait() -> str:
    """The seconds of a wait for which no time is given: the core's default, which stands for it in Python as `...`."""
    found = re.search(r"^pub const DEFAULT_WAIT_TIMEOUT: Duration = Duration::from_secs\(([\d_ *]+)\);", text("core/src/options/video.rs"), re.MULTILINE)
    if not found:
        raise ValueError("core/src/options/video.rs has no DEFAULT_WAIT_TIMEOUT in seconds")
    return str(math.prod(int(number) for number in found[1].split("*")))


def _python_word(name: str, default: ast.expr | None) -> str:
    """A parameter as a reader writes it: `...` says that it was left out, which is no value to give."""
    if default is None:
        return name
    if isinstance(default, ast.Constant) and default.value is ...:
        return f"{name}={default_wait()}" if name == "timeout" else f"{name}?"
    return f"{name}={ast.unparse(default)}"


def _python_class(path: str, name: str) -> dict[str, str]:
    (found,) = (node for node in ast.walk(ast.parse(text(path))) if isinstance(node, ast.ClassDef) and node.name == name)
    methods: dict[str, str] = {}
    for node in found.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith("_"):
            given = node.args
            plain = [argument.arg for argument in given.args if argument.arg != "self"]
            defaults = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
            words = [_python_word(name, value) for name, value in zip(plain, defaults)]
            if given.kwonlyargs:
                words.append("*")
                words += [_python_word(argument.arg, value) for argument, value in zip(given.kwonlyargs, given.kw_defaults)]
            is_property = any(isinstance(mark, ast.Name) and mark.id == "property" for mark in node.decorator_list)
            methods[node.name] = "" if is_property else f"({', '.join(words)})"
    return methods


def python() -> Calls:
    folder = "bindings-python/python/infrai"
    groups = {
        "video": [("_video.py", "Video")],
        "account": [("_account.py", "Account")],
        "client": [("_client_base.py", "ClientBase"), ("_account.py", "Activation"), ("_client.py", "InfraiClient")],
        "job": [("_job_base.py", "JobBase"), ("_job.py", "VideoJob")],
    }
    calls: Calls = {}
    for group, places in groups.items():
        for file, name in places:
            for method, words in _python_class(f"{folder}/{file}", name).items():
                calls[f"{group}.{method}"] = f"{group}.{method}{words}"
    calls["testing.sandbox"] = "infrai.testing.Sandbox(*, faults=(), options=(), command=None, startup_timeout=30)"
    if "class Sandbox" not in text(f"{folder}/testing.py"):
        raise ValueError("infrai.testing has no Sandbox")
    return calls


def python_async() -> set[str]:
    """The calls of the client that is awaited."""
    folder = "bindings-python/python/infrai"
    groups = {
        "video": [("_async_video.py", "AsyncVideo")],
        "account": [("_async_account.py", "AsyncAccount")],
        "client": [("_client_base.py", "ClientBase"), ("_async_account.py", "AsyncActivation"), ("_async_client.py", "AsyncInfraiClient")],
        "job": [("_job_base.py", "JobBase"), ("_async_job.py", "AsyncVideoJob")],
    }
    return {f"{group}.{method}" for group, places in groups.items() for file, name in places for method in _python_class(f"{folder}/{file}", name)}


# -- Node


#: Options of every Node call, which the page names once.
EVERY_CALL = ("CallOptions", "ClientCallOptions")


def _interfaces() -> dict[str, list[str]]:
    source = re.sub(r"/\*\*.*?\*/", "", text("bindings-node/ts/types.ts"), flags=re.DOTALL)
    found = re.findall(r"export interface (\w+)(?: extends (\w+))? \{\n(.*?)^\}", source, re.MULTILINE | re.DOTALL)
    own = {name: re.findall(r"^  (\w+\??):", body, re.MULTILINE) for name, _, body in found}
    bases = {name: base for name, base, _ in found}

    def fields(name: str) -> list[str]:
        inherited = fields(bases[name]) if bases[name] not in ("", *EVERY_CALL) else []
        return own[name] + [field for field in inherited if field not in own[name]]

    return {name: fields(name) for name in own}


def _node_class(path: str, name: str) -> dict[str, str]:
    source = re.sub(r"/\*\*.*?\*/", "", text(path), flags=re.DOTALL)
    body = re.search(rf"^export class {name}(?: implements \w+)? \{{\n(.*?)^\}}", source, re.MULTILINE | re.DOTALL)[1]  # type: ignore[index]
    interfaces = _interfaces()
    methods: dict[str, str] = {}
    for found in re.finditer(r"^  (?:async )?(\w+)(?:<[^(]*>)?\(", body, re.MULTILINE):
        if found[1] == "constructor":
            continue
        words = []
        for parameter in split(bracketed(body, found.end() - 1)):
            label, kind = (part.strip() for part in parameter.split(":", 1))
            kind = kind.split(" = ")[0]
            fields = interfaces.get(kind, []) if kind.endswith(("Options", "Request")) and kind != "CallOptions" else []
            optional = "?" if label.endswith("?") else ""
            words.append(f"{{ {', '.join(fields)} }}{optional}" if fields else label)
        methods[found[1]] = f"({', '.join(words)})"
    return methods


def node() -> Calls:
    calls: Calls = {}
    for group, file, name in (("video", "video", "Video"), ("account", "account", "Account"), ("client", "client", "InfraiClient")):
        for method, words in _node_class(f"bindings-node/ts/{file}.ts", name).items():
            calls[f"{group}.{snake(method)}"] = f"{group}.{method}{words}"
    if "export async function startSandbox" not in text("bindings-node/ts/testing.ts"):
        raise ValueError("@infrai/sdk/testing has no startSandbox")
    calls["testing.sandbox"] = "startSandbox({ command?, dataDir?, faults?, args?, client? }?)"
    return calls


# -- Swift


def _swift_types() -> dict[str, str]:
    """Every type's bodies, extensions included."""
    bodies: dict[str, str] = {}
    for path in sorted((ROOT / "bindings-swift/Sources/Infrai").glob("*.swift")):
        source = re.sub(r"^\s*///.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for found in re.finditer(r"^(?:public )?(?:final class|struct|extension) (\w+)[^\n]*\{\n(.*?)^\}", source, re.MULTILINE | re.DOTALL):
            outer = found[1] != "VideoUpdates"
            public = re.search(r"^public ", found[0]) or found[0].startswith("extension")
            if outer and public:
                bodies[found[1]] = bodies.get(found[1], "") + found[2]
    return bodies


def swift() -> Calls:
    calls: Calls = {}
    bodies = _swift_types()
    for group, name in (("video", "Video"), ("account", "Account"), ("client", "InfraiClient"), ("job", "VideoJob")):
        body = bodies[name]
        for found in re.finditer(r"^    public (static )?func (\w+)(?:<[^(]*>)?\(", body, re.MULTILINE):
            if found[2] in ("encode", "hash"):
                continue
            labels = [parameter.split(":")[0].split()[0] for parameter in split(bracketed(body, found.end() - 1))]
            shown = " ".join(f"{label}:" for label in labels)
            key = f"{group}.{snake(found[2])}"
            line = f"{group}.{found[2]}({shown})" if not found[1] else f"{name}.{found[2]}({shown})"
            # Of several forms the longest says the most.
            if len(line) > len(calls.get(key, "")):
                calls[key] = line
    return calls


# -- Kotlin


def kotlin() -> Calls:
    calls: Calls = {}
    places = (("video", "Video.kt", "Video"), ("account", "Account.kt", "Account"), ("client", "InfraiClient.kt", "InfraiClient"), ("job", "VideoJob.kt", "VideoJob"))
    for group, file, name in places:
        source = text(f"bindings-kotlin/src/main/kotlin/dev/infrai/{file}")
        body = re.search(rf"^public class {name}\b.*?^\}}", source, re.MULTILINE | re.DOTALL)[0]  # type: ignore[index]
        for found in re.finditer(r"^( {4,8})(?:override fun (close)|public (?:suspend )?fun (\w+))\(", body, re.MULTILINE):
            # What is indented once more stands in the companion, and is called on the class.
            method, owner = found[2] or found[3], group if len(found[1]) == 4 else name
            if method == "toJson":
                continue
            words = []
            for parameter in split(bracketed(body, found.end() - 1)):
                label, _, rest = parameter.partition(":")
                words.append(label.strip() + (f" = {rest.split(' = ')[1].strip()}" if " = " in rest else ""))
            key, line = f"{group}.{snake(method)}", f"{owner}.{method}({', '.join(words)})"
            if len(line) > len(calls.get(key, "")):
                calls[key] = line
        for found in re.finditer(r"^    public val (baseUrl|keyHint): ", body, re.MULTILINE):
            calls[f"{group}.{snake(found[1])}"] = f"{group}.{found[1]}"
    return calls


# -- Rust


def _rust_impls(path: str) -> dict[str, str]:
    source = re.sub(r"^\s*///.*\n", "", text(path), flags=re.MULTILINE)
    # What only bindings use is no call.
    source = re.sub(r"^    #\[doc\(hidden\)\]\n    pub ", "    ", source, flags=re.MULTILINE)
    bodies: dict[str, str] = {}
    for found in re.finditer(r"^impl (\w+)(?:<'_>)? \{\n(.*?)^\}", source, re.MULTILINE | re.DOTALL):
        bodies[found[1]] = bodies.get(found[1], "") + found[2]
    return bodies


def _rust_options() -> dict[str, list[str]]:
    """What the builders of calls take: their methods that give the builder back."""
    options: dict[str, list[str]] = {}
    for path in ("video/generate", "video/wait", "video/download", "video/generate_many", "account", "activate", "request"):
        for name, body in _rust_impls(f"core/src/api/{path}.rs").items():
            taken = re.findall(r"pub fn (\w+)(?:<[^(]*>)?\(\s*(?:mut )?self\b(,?)", body)
            methods = [f"{method}({'…' if more else ''})" for method, more in taken]
            forwarded = re.search(r"^    forwarded! \{(.*?)^    \}", body, re.MULTILINE | re.DOTALL)
            if forwarded:
                methods = [f"{name}(…)" for name in re.findall(r"^\s+(\w+): ", forwarded[1], re.MULTILINE)] + methods
            options[name] = methods
    return options


def rust() -> Calls:
    calls: Calls = {}
    options = _rust_options()
    places = (("video", "api/video/mod", "Video", "video()."), ("account", "api/account", "Account", "account()."), ("client", "client", "InfraiClient", ""))
    for group, path, name, before in places:
        body = _rust_impls(f"core/src/{path}.rs")[name]
        for found in re.finditer(r"^    pub (?:async )?fn (\w+)(?:<[^(]*>)?\(", body, re.MULTILINE):
            inner = bracketed(body, found.end() - 1)
            if "self" not in inner or found[1] in ("video", "account"):
                continue
            words = [parameter.split(":")[0] for parameter in split(inner) if "self" not in parameter]
            gives = re.search(r"^\)?\s*-> (?:Result<)?(\w+)", body[found.end() + len(inner) :])
            chain = "".join(f" .{option}" for option in options.get(gives[1] if gives else "", []))
            calls[f"{group}.{found[1]}"] = f"client.{before}{found[1]}({', '.join(words)}){chain}"
    if "pub fn new_idempotency_key" not in text("core/src/http/call.rs"):
        raise ValueError("the core has no new_idempotency_key")
    calls["client.new_idempotency_key"] = "infrai::new_idempotency_key()"
    calls["testing.sandbox"] = "infrai_sandbox::Sandbox::builder()"
    return calls


# -- the command


def command() -> Calls:
    video, top = text("cli/src/args/video.rs"), text("cli/src/args/mod.rs")
    calls: Calls = {}
    for enum, group, source in (("VideoCommand", "video", video), ("AccountCommand", "account", top), ("Command", "client", top)):
        body = re.search(rf"enum {enum} \{{(.*?)^\}}", source, re.MULTILINE | re.DOTALL)[1]  # type: ignore[index]
        for name in re.findall(r"^    ([A-Z]\w+)(?:\(\w+\)|,| \{)", body, re.MULTILINE):
            words = {"client": ""}.get(group, f"{group} ")
            calls[f"{group}.{name.lower()}"] = f"infrai {words}{name.lower()}"
    calls.pop("client.video")
    calls.pop("client.account")
    calls["testing.sandbox"] = calls.pop("client.sandbox")
    return calls


LANGUAGES = {"Python": python, "Node": node, "Rust": rust, "Swift": swift, "Kotlin": kotlin, "Command": command}
