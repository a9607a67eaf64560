"""Throughput of `status` calls to a local server, one after another and 64 at once, beside other clients of the language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from frame import build, figures, packages, places
from frame.report import Result
from frame.server import Server
from frame.workers import Failed, Worker, one_core

from .settings import Settings

AT_ONCE = 64
MODES = {1: "One after another", AT_ONCE: f"{AT_ONCE} at once"}

#: Compared on all cores in a quick run too.
CLOSE = {"reqwest", "http.client", "urllib3", "aiohttp async", "undici", "fetch"}


@dataclass
class Row:
    """A client: its worker's command, the SDK's client beside it, and its goals."""

    name: str
    command: Sequence[object]
    version: str = ""
    env: Mapping[str, str] | None = None
    #: The SDK's client that this one is compared with; empty for the SDK's own.
    beside: str = ""
    #: By calls at once: the least ratio of that client's throughput to this one's, on one core.
    goals: Mapping[int, float] = field(default_factory=dict)
    #: The reason why it cannot run at all.
    failed: str = ""


@dataclass
class Measured:
    """Measurements of one client, one item per round."""

    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)

    def add(self, answer: Mapping[str, Any]) -> None:
        self.rates.append(answer["calls"] / answer["seconds"])
        self.cpu.append(answer["cpu"] / answer["calls"] * 1e6)
        self.p50.append(answer["p50"])
        self.p99.append(answer["p99"])


def both(ratio: float) -> Mapping[int, float]:
    """Returns one goal for both modes."""
    return dict.fromkeys(MODES, ratio)


def rust(settings: Settings) -> Result:
    build.programs(settings.profile, "infrai-bench-server", "infrai-bench-rust")
    worker = places.program("infrai-bench-rust", settings.profile)
    rows = [
        Row("core", [worker, "calls", "core"], packages.crate("infrai")),
        Row("reqwest", [worker, "calls", "reqwest"], packages.crate("reqwest"), beside="core", goals=both(0.88)),
    ]
    return compared(settings, rows)


def python(settings: Settings) -> Result:
    build.programs(settings.profile, "infrai-bench-server")
    worker = places.BENCHES / "python" / "calls.py"
    sdk = build.python_sdk()
    rows = [Row(name, [sdk, worker, name], packages.python_version(sdk, "infrai")) for name in ("infrai", "infrai async")]
    if settings.smoke:
        return compared(settings, [*rows, Row("http.client", [sdk, worker, "http.client"], beside="infrai")])
    peers = build.python_peers()
    goals = {"urllib3": both(3.5), "httpx": both(7), "openai": both(12), "httpx async": {AT_ONCE: 30}}
    names = ["http.client", "urllib3", "requests", "httpx", "openai", "runwayml", "replicate", "fal_client"]
    names += ["aiohttp async", "httpx async", "openai async", "runwayml async", "replicate async"]
    for name in names:
        package = name.removesuffix(" async")
        version = "" if name == "http.client" else packages.python_version(peers.place, package)
        beside = "infrai async" if name.endswith(" async") else "infrai"
        failed = peers.failed.get(package, "")
        rows.append(Row(name, [peers.place, worker, name], version, None, beside, goals.get(name, {}), failed))
    return compared(settings, rows)


def node(settings: Settings) -> Result:
    build.programs(settings.profile, "infrai-bench-server")
    worker = places.BENCHES / "node" / "calls.mjs"
    sdk = build.node_sdk()
    rows = [Row("infrai", ["node", worker, "infrai"], packages.node_version(sdk, "@infrai/sdk"), {"BENCH_PROJECT": str(sdk)})]
    goals = {"undici": {1: 0.85, AT_ONCE: 1.1}, "fetch": both(3)}
    names = ["fetch"]
    if not settings.smoke:
        names = ["undici", "fetch", "openai", "@runwayml/sdk", "replicate", "@fal-ai/client"]
    peers = build.Installed(sdk) if settings.smoke else build.node_peers()
    for name in names:
        version = "" if name == "fetch" else packages.node_version(peers.place, name)
        env = {"BENCH_PROJECT": str(peers.place)}
        failed = peers.failed.get(name, "")
        rows.append(Row(name, ["node", worker, name], version, env, "infrai", goals.get(name, {}), failed))
    # V8's compiled code takes a while to settle.
    return compared(settings, rows, warm=0.8)


def compared(settings: Settings, rows: Sequence[Row], warm: float = 0.3) -> Result:
    """Runs all clients in turns, after `warm` seconds of each, and compares the SDK's with the others. Checks every answer."""
    result = Result()
    result.say(
        "*On one core*, server and clients take turns, so that only the work for a call counts. *On all cores*, the system "
        "places them, and wake-ups across cores count too. `CPU µs per call` is the client's process alone. `ratio` is the "
        "SDK's calls per second divided by this client's; higher is better."
    )
    cores = {"all cores": set[int]()}
    if not settings.smoke:
        cores = {"one core": one_core(), **cores}
    for where, on in cores.items():
        everybody = where == "one core" or settings.long or settings.smoke
        compete = [row for row in rows if everybody or not row.beside or row.name in CLOSE]
        with ExitStack() as stack:
            # With real-time priority on all cores, each wake-up would move to another core, unlike in an ordinary program.
            server = stack.enter_context(Server(settings.profile, on, ahead=bool(on)))
            workers = opened(stack, server.url, on, compete, result)
            for at_once, mode in MODES.items():
                title = f"{mode}, {where}"
                measured = rounds(settings, server, workers, at_once, warm)
                table(result, title, compete, measured)
                if where == "one core":
                    result.goals += goals(title, compete, at_once, measured)
    return result


def opened(stack: ExitStack, url: str, on: set[int], rows: Sequence[Row], result: Result) -> dict[str, Worker]:
    """Starts the workers and returns those that run. Raises for the SDK's own; records the failure of another client."""
    workers: dict[str, Worker] = {}
    for row in rows:
        try:
            if row.failed:
                raise Failed(row.failed)
            worker = stack.enter_context(Worker([*row.command, url], on, row.env, ahead=bool(on)))
            worker.ready()
            workers[row.name] = worker
        except Failed as error:
            if not row.beside:
                raise
            row.failed = str(error)
            failure = f"{row.name} did not run: {error}"
            if failure not in result.failures:
                result.failures.append(failure)
    return workers


def rounds(settings: Settings, server: Server, workers: Mapping[str, Worker], at_once: int, warm: float) -> dict[str, Measured]:
    """Measures the clients in turns: each round holds every client once."""
    seconds = 0.02 if settings.smoke else 0.25 if settings.long else 0.1
    measured = {name: Measured() for name in workers}
    for worker in workers.values():
        # Connections, caches, compiled code.
        worker.ask(seconds=0.02 if settings.smoke else warm, concurrency=at_once)
    server.plan()
    calls = 0
    for _ in range(settings.pick(2, 9, 41)):
        for name, worker in workers.items():
            answer = worker.ask(seconds=seconds, concurrency=at_once)
            calls += answer["calls"]
            measured[name].add(answer)
    seen = server.counts()["requests"]
    if seen != calls:
        raise AssertionError(f"the clients made {calls} calls, and the server saw {seen} requests")
    return measured


def ratio(row: Row, measured: Mapping[str, Measured]) -> figures.Spread | None:
    """Returns the SDK's throughput divided by this client's; none of a client that did not run or is the SDK's."""
    if not row.beside or row.name not in measured:
        return None
    return figures.ratios(measured[row.beside].rates, measured[row.name].rates)


def table(result: Result, title: str, rows: Sequence[Row], measured: Mapping[str, Measured]) -> None:
    """Adds the table of one mode."""
    head = [title, "version", "calls/s", "CPU µs per call", "p50 µs", "p99 µs", "ratio"]
    lines = []
    for row in rows:
        if row.name not in measured:
            first = row.failed.strip().splitlines()[-1][:120]
            lines.append([row.name, row.version, f"**did not run: {first}**", *[""] * (len(head) - 3)])
            continue
        own = measured[row.name]
        values = [figures.number(median(values)) for values in (own.rates, own.cpu, own.p50, own.p99)]
        lines.append([row.name, row.version, *values, str(ratio(row, measured) or "")])
    result.table(head, lines)


def goals(title: str, rows: Sequence[Row], at_once: int, measured: Mapping[str, Measured]) -> list[figures.Goal]:
    """Returns the goals of one mode."""
    return [
        figures.at_least(f"{title.lower()}: {row.beside} / {row.name}", ratio(row, measured), row.goals[at_once])
        for row in rows
        if at_once in row.goals
    ]
