"""Cost of importing a package and of a first call, over the bare interpreter, and the package's installed size."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter

from frame import build, figures, packages
from frame.places import environment
from frame.report import Result
from frame.server import Server
from frame.workers import placed

from .settings import Settings

KEY = "ifr_pk_proj_bench_0000000000000000"
ID = "video_0190b3c45d6e7f809a1b2c3d4e5f6071"

#: By package: the import and the first call, as the package's documentation writes them.
PYTHON: dict[str, tuple[str, str]] = {
    "infrai": (
        "from infrai import InfraiClient",
        "assert InfraiClient(KEY, base_url=URL).video.status(ID).job_id == ID",
    ),
    "openai": (
        "from openai import OpenAI",
        "assert OpenAI(api_key=KEY, base_url=URL + '/v1').videos.retrieve(ID).id == ID",
    ),
    "runwayml": (
        "from runwayml import RunwayML",
        "assert RunwayML(api_key=KEY, base_url=URL).tasks.retrieve(ID).id == ID",
    ),
    "replicate": (
        "from replicate import Client",
        "assert Client(api_token=KEY, base_url=URL).predictions.get(ID).id == ID",
    ),
    "fal_client": (
        "from fal_client import SyncClient",
        "from fal_client import client; client.QUEUE_URL_FORMAT = URL + '/'\n"
        "assert SyncClient(key=KEY).status('owner/app', ID).logs == []",
    ),
    "google-genai": (
        "from google.genai import Client",
        "from google.genai import types\n"
        "operation = types.GenerateVideosOperation(name='models/video/operations/' + ID)\n"
        "client = Client(api_key=KEY, http_options=types.HttpOptions(base_url=URL))\n"
        "assert client.operations.get(operation).name.endswith(ID)",
    ),
    "lumaai": (
        "from lumaai import LumaAI",
        "assert LumaAI(auth_token=KEY, base_url=URL + '/dream-machine/v1').generations.get(ID).id == ID",
    ),
}

#: By package: the imported names and the first call.
NODE: dict[str, tuple[str, str]] = {
    "@infrai/sdk": ("InfraiClient", "(await new InfraiClient({ apiKey: KEY, baseUrl: URL }).video.status(ID)).job_id"),
    "openai": ("OpenAI", "(await new OpenAI({ apiKey: KEY, baseURL: `${URL}/v1` }).videos.retrieve(ID)).id"),
    "@runwayml/sdk": ("RunwayML", "(await new RunwayML({ apiKey: KEY, baseURL: URL }).tasks.retrieve(ID)).id"),
    "replicate": ("default Replicate", "(await new Replicate({ auth: KEY, baseUrl: `${URL}/v1` }).predictions.get(ID)).id"),
    "@fal-ai/client": (
        "createFalClient",
        "(await createFalClient({ credentials: KEY, requestMiddleware: async (request) => "
        "({ ...request, url: request.url.replace('https://queue.fal.run', URL) }) })"
        ".queue.status('owner/app', { requestId: ID })).request_id",
    ),
    "@google/genai": (
        "GoogleGenAI, GenerateVideosOperation",
        "(await new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: URL } }).operations.getVideosOperation("
        "{ operation: Object.assign(new GenerateVideosOperation(), { name: `models/video/operations/${ID}` }) }))"
        ".name.split('/').pop()",
    ),
    "lumaai": ("LumaAI", "(await new LumaAI({ authToken: KEY, baseURL: `${URL}/dream-machine/v1` }).generations.get(ID)).id"),
}


@dataclass
class Start:
    """A short program, and the time of each run over the bare interpreter's of the same round."""

    command: Sequence[str]
    cwd: Path | None = None
    milliseconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    failed: str = ""


def measured(start: Start) -> tuple[float, float, float]:
    """Runs a program; returns its milliseconds, its milliseconds of processor time, and its peak memory in megabytes."""
    begun = perf_counter()
    process = subprocess.Popen(
        start.command,
        cwd=start.cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=placed(()),
    )
    assert process.stderr is not None
    with process.stderr:
        errors = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    took = perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(errors.decode(errors="replace").strip()[-600:])
    return took * 1e3, (used.ru_utime + used.ru_stime) * 1e3, used.ru_maxrss / 1e3


def python(settings: Settings) -> Result:
    build.programs(settings.profile, "infrai-bench-server")
    sdk = build.python_sdk()
    peers = build.Installed(sdk) if settings.smoke else build.python_peers()
    with ExitStack() as stack:
        server = stack.enter_context(Server(settings.profile))
        names = f"URL, KEY, ID = {server.url!r}, {KEY!r}, {ID!r}\n"
        starts: dict[str, dict[str, Start]] = {}
        sizes = {}
        for name, (load, call) in PYTHON.items():
            if settings.smoke and name != "infrai":
                continue
            python = str(sdk if name == "infrai" else peers.place)
            # The start-up files of an environment count as the interpreter's.
            starts[name] = {
                "": Start([python, "-c", "pass"]),
                "import": Start([python, "-c", load]),
                "first call": Start([python, "-c", f"{names}{load}\n{call}"]),
            }
            sizes[name] = (packages.python_version(Path(python), name), *packages.python_size(Path(python), name))
        return compared(settings, starts, sizes, peers.failed)


def node(settings: Settings) -> Result:
    build.programs(settings.profile, "infrai-bench-server")
    sdk = build.node_sdk()
    peers = build.Installed(sdk) if settings.smoke else build.node_peers()
    with ExitStack() as stack:
        server = stack.enter_context(Server(settings.profile))
        values = f"const [URL, KEY, ID] = {[server.url, KEY, ID]};\n"
        starts: dict[str, dict[str, Start]] = {}
        sizes = {}
        for name, (taken, call) in NODE.items():
            if settings.smoke and name != "@infrai/sdk":
                continue
            project = sdk if name == "@infrai/sdk" else peers.place
            default = taken.removeprefix("default ") if taken.startswith("default ") else ""
            required = f'const {default or f"{{ {taken} }}"} = require("{name}");'
            imported = f'import {default or f"{{ {taken} }}"} from "{name}";'
            check = f"if ({call} !== ID) throw new Error('a wrong answer');\nprocess.exit();"
            module = ["node", "--input-type=module", "-e"]
            starts[name] = {
                "": Start(["node", "-e", "0"], project),
                "require": Start(["node", "-e", required], project),
                "import": Start([*module, imported], project),
                "first call": Start([*module, f"{imported}\n{values}{check}"], project),
            }
            sizes[name] = (packages.node_version(project, name), *packages.node_size(project, name))
        return compared(settings, starts, sizes, peers.failed)


def compared(
    settings: Settings,
    starts: Mapping[str, Mapping[str, Start]],
    sizes: Mapping[str, tuple[str, int, float]],
    not_installed: Mapping[str, str],
) -> Result:
    """Runs all programs in turns; reports the time and memory of each over the bare interpreter."""
    result = Result()
    for count in range(settings.pick(1, 5, 25) + 1):
        for name, kinds in starts.items():
            bare = None
            for start in kinds.values():
                if start.failed:
                    continue
                try:
                    took = measured(start)
                except RuntimeError as error:
                    start.failed = not_installed.get(name) or str(error)
                    continue
                if count == 0:
                    continue  # The first run compiles, and fills the system's caches.
                bare = bare or took
                for values, value, less in zip((start.milliseconds, start.cpu), took, bare):
                    values.append(value - less if start is not kinds[""] else value)
                start.memory.append(took[2])
    shown = [kind for kind in next(iter(starts.values())) if kind]
    head = ["", "version", *(f"{kind} ms" for kind in shown), "first call CPU ms", "its memory MB", "packages", "MB"]
    lines = []
    for name, (version, packages_, size) in sizes.items():
        cells = []
        for kind in shown:
            start = starts[name][kind]
            cells.append(f"**did not run: {start.failed.splitlines()[-1][:80]}**" if start.failed else spread(start.milliseconds))
            if start.failed:
                result.failures.append(f"{name}, {kind}: {start.failed}")
        call = starts[name]["first call"]
        more = ["", ""] if call.failed else [spread(call.cpu), figures.number(median(call.memory))]
        lines.append([name, version, *cells, *more, str(packages_), figures.number(size)])
    everything = [value for kinds in starts.values() for value in kinds[""].milliseconds]
    result.say(
        f"Milliseconds over the bare interpreter, which takes {figures.Spread.of(everything)} ms from start to end. "
        "`first call` is a program that loads the package, makes a client and one call, and ends."
    )
    result.table(head, lines)
    return result


def spread(values: Sequence[float]) -> str:
    return str(figures.Spread.of(values))
