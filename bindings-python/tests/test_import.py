"""Modules that importing the package loads, and its public names."""

from __future__ import annotations

import subprocess
import sys

import infrai
import pytest

pytestmark = pytest.mark.core


def modules_after(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


HEAVY = {
    "asyncio",
    "typing",
    "logging",
    "json",
    "http",
    "ssl",
    "socket",
    "threading",
    "weakref",
    "pathlib",
    "re",
}


def test_import_loads_nothing_of_the_standard_library_that_costs_time() -> None:
    added = modules_after("import infrai") - modules_after("")
    assert added <= {"infrai", "__future__"}


def test_the_specs_import_line_loads_no_heavy_module() -> None:
    added = modules_after("from infrai import ai, infra, account, InfraiClient, InfraiError") - modules_after(
        ""
    )
    assert not HEAVY & added, HEAVY & added
    assert "infrai._native" in added


def test_a_blocking_call_loads_no_heavy_module() -> None:
    # An id that is refused before anything is sent goes through the whole path but the network.
    code = """
from infrai import InfraiError, ai
try:
    ai.video.status(id="..")
except InfraiError:
    pass
"""
    added = modules_after(code) - modules_after("")
    assert not (HEAVY - {"re"}) & added, HEAVY & added


def test_every_public_name_is_there_and_documented() -> None:
    aliases = {"Aspect", "OnAmbiguous", "Prefer", "Region", "Resolution"}
    for name in {*infrai.__all__, "ConnectionError", "PermissionError", "TimeoutError"} - aliases:
        value = getattr(infrai, name)
        documented = value if isinstance(value, type) or callable(value) else type(value)
        assert getattr(documented, "__doc__", None), name
    assert set(infrai.__all__) <= set(dir(infrai))


def test_every_public_method_is_documented_with_its_route_or_what_it_stands_for() -> None:
    undocumented = [
        f"{kind.__name__}.{name}"
        for kind in (
            infrai.InfraiClient,
            infrai.AsyncInfraiClient,
            infrai.Video,
            infrai.AsyncVideo,
            infrai.Account,
            infrai.AsyncAccount,
            infrai.VideoJob,
            infrai.AsyncVideoJob,
            infrai.GenerateMany,
            infrai.Watch,
        )
        for name, value in vars(kind).items()
        if not name.startswith("_") and (callable(value) or isinstance(value, property)) and not value.__doc__
    ]
    assert undocumented == []
    for method, route in {
        "generate": "POST /v1/video/generate",
        "status": "GET /v1/video/jobs/{id}",
        "cancel": "POST /v1/video/jobs/{id}/cancel",
    }.items():
        assert route in (getattr(infrai.Video, method).__doc__ or "")
        assert route in (getattr(infrai.AsyncVideo, method).__doc__ or "")


def test_no_modules_import_one_another_in_a_circle() -> None:
    import ast
    from graphlib import TopologicalSorter
    from pathlib import Path

    folder = Path(infrai.__file__).parent
    imports: dict[str, set[str]] = {}

    def visit(module: str, node: ast.AST) -> None:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return
        if isinstance(node, ast.ImportFrom) and node.level:
            imports[module] |= {node.module} if node.module else {name.name for name in node.names}
        for child in ast.iter_child_nodes(node):
            visit(module, child)

    for path in folder.glob("*.py"):
        imports[path.stem] = set()
        visit(path.stem, ast.parse(path.read_text(encoding="utf-8")))
    assert len(imports) > 15 and "_errors" in imports["_client_base"]
    # Imports within functions included; raises CycleError, which names the circle.
    TopologicalSorter(imports).prepare()


@pytest.mark.parametrize(
    "kind", [infrai.Video, infrai.AsyncVideo, infrai.VideoJob, infrai.AsyncVideoJob, infrai.InfraiClient]
)
def test_a_hover_text_has_an_example(kind: type) -> None:
    awaited = kind.__name__.startswith("Async")
    for name in ("generate", "wait", "download", "generate_many", "activate"):
        method = getattr(kind, name, None)
        if method is not None:
            example = [line for line in method.__doc__.splitlines() if line.strip()[:4] in (">>> ", "... ")]
            assert len(example) == 2, f"{kind.__name__}.{name}"
            assert ("await " in example[0] or "async for " in example[0]) == awaited


def test_every_option_is_documented_with_its_default() -> None:
    import ast
    from pathlib import Path

    source = ast.parse((Path(infrai.__file__).parent / "_types.py").read_text(encoding="utf-8"))
    documented: dict[str, str] = {}
    for node in source.body:
        if isinstance(node, ast.ClassDef):
            for field, text in zip(node.body, node.body[1:], strict=False):
                if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                    documented[f"{node.name}.{ast.unparse(field.target)}"] = ast.unparse(text)
    for kind in (infrai.ClientOptions, infrai.GenerateOptions, infrai.PollingOptions):
        for name in kind.__annotations__:
            if name != "prompt":
                assert "Default: " in documented[f"{kind.__name__}.{name}"], name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'vidoe'"):
        _ = infrai.vidoe  # type: ignore[attr-defined]


def test_a_star_import_leaves_pythons_own_errors_alone() -> None:
    names: dict[str, object] = {}
    exec("from infrai import *", names)
    assert "VideoJob" in names
    assert not {"TimeoutError", "ConnectionError", "PermissionError"} & set(names)


def test_the_version_is_the_crates() -> None:
    from importlib.metadata import version

    assert infrai.__version__ == version("infrai")


def test_blocking_and_awaited_methods_take_the_same_arguments() -> None:
    from inspect import signature

    for blocking, awaited in (
        (infrai.Video, infrai.AsyncVideo),
        (infrai.Account, infrai.AsyncAccount),
        (infrai.InfraiClient, infrai.AsyncInfraiClient),
        (infrai.VideoJob, infrai.AsyncVideoJob),
    ):
        named = (name for name in dir(blocking) if not name.startswith("_") and not hasattr(dict, name))
        for name in (name for name in named if callable(getattr(blocking, name))):
            ours, theirs = (signature(getattr(kind, name)).parameters for kind in (blocking, awaited))
            assert {n: p.default for n, p in ours.items()} == {n: p.default for n, p in theirs.items()}, name


def test_a_sub_interpreter_is_refused_clearly(script) -> None:  # type: ignore[no-untyped-def]
    code = """
    import infrai._native
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    id = interpreters.create()
    said = ""
    try:
        failed = interpreters.run_string(id, "import infrai._native")
        said = "" if failed is None else str(failed.msg)
    except Exception as error:
        said = str(error)
    interpreters.destroy(id)
    print("refused:", said)
    """
    done = script(code)
    assert "interpreter" in done.stdout.partition("refused:")[2], done.stdout + done.stderr
