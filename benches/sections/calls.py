"""Calls a second: `status` on a local server, one call after another and 64 at once, beside other clients."""

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

#: Who is compared on all cores in a quick run too.
CLOSE = {"reqwest", "hyper-util", "http.client", "urllib3", "aiohttp async", "undici", "fetch"}


@dataclass
class Row:
    """A client: how its worker is started, what it is compared with, and what is hoped for."""

    name: str
    command: Sequence[object]
    version: str = ""
    env: Mapping[str, str] | None = None
    #: By the name of one of ours: how many times as many calls a second it is to make as this one.
    goals: Mapping[str, float] = field(default_factory=dict)
    #: Why it cannot run at all.
    failed: str = ""


@dataclass
class Measured:
    """What the rounds of one client gave."""

    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)

    def add(self, told: Mapping[str, Any]) -> None:
        self.rates.append(told["calls"] / told["seconds"])
        self.cpu.append(told["cpu"] / told["calls"] * 1e6)
        self.p50.append(told["p50"])
        self.p99.append(told["p99"])


def rust(settings: Settings) -> Result:
    build.programs(settings.profile, "infrai-bench-server", "infrai-bench-rust")
    return compared(settings, ["core"], [core(settings), reqwest(settings, {"core": 0.95}), hyper(settings)])


def core(settings: Settings) -> Row:
    return Row("core", [places.program("infrai-bench-rust", settings.profile), "calls", "core"], packages.crate("infrai"))


def reqwest(settings: Settings, goals: Mapping[str, float]) -> Row:
    command = [places.program("infrai-bench-rust", settings.profile), "calls", "reqwest"]
    return Row("reqwest", command, packages.crate("reqwest"), goals=goals)


def hyper(settings: Settings) -> Row:
    command = [places.program("infrai-bench-rust", settings.profile), "calls", "hyper"]
    return Row("hyper-util", command, packages.crate("hyper-util"), goals={"core": 0.95})


def python(settings: Settings) -> Result:
    build.programs(settings.profile, "infrai-bench-server", "infrai-bench-rust")
    worker = places.BENCHES / "python" / "calls.py"
    sdk = build.python_sdk()
    ours = ["infrai", "infrai async"]
    rows = [Row(name, [sdk, worker, name], packages.python_version(sdk, "infrai")) for name in ours]
    rows.append(reqwest(settings, {"infrai": 0.8, "infrai async": 0.8}))
    if settings.smoke:
        return compared(settings, ours, [*rows, Row("http.client", [sdk, worker, "http.client"])])
    peers = build.python_peers()
    goals: dict[str, Mapping[str, float]] = {
        "urllib3": {"infrai": 3},
        "httpx": {"infrai": 5},
        "httpx async": {"infrai async": 5},
        "openai": {"infrai": 8},
        "openai async": {"infrai async": 8},
    }
    names = ["http.client", "urllib3", "requests", "httpx", "openai", "runwayml", "replicate", "fal_client"]
    names += ["aiohttp async", "httpx async", "openai async", "runwayml async", "replicate async"]
    for name in names:
        package = name.removesuffix(" async")
        version = "" if name == "http.client" else packages.python_version(peers.place, package)
        command = [peers.place, worker, name]
        rows.append(Row(name, command, version, goals=goals.get(name, {}), failed=peers.failed.get(package, "")))
    return compared(settings, ours, rows)


def node(settings: Settings) -> Result:
    build.programs(settings.profile, "infrai-bench-server")
    worker = places.BENCHES / "node" / "calls.mjs"
    sdk = build.node_sdk()
    ours = Row("infrai", ["node", worker, "infrai"], packages.node_version(sdk, "@infrai/sdk"), env={"BENCH_PROJECT": str(sdk)})
    rows = [ours]
    goals: dict[str, Mapping[str, float]] = {"undici": {"infrai": 1}, "fetch": {"infrai": 3}, "openai": {"infrai": 4.5}}
    names = ["fetch"]
    if not settings.smoke:
        names = ["undici", "fetch", "openai", "@runwayml/sdk", "replicate", "@fal-ai/client"]
    peers = build.Installed(sdk) if settings.smoke else build.node_peers()
    for name in names:
        version = "" if name == "fetch" else packages.node_version(peers.place, name)
        env = {"BENCH_PROJECT": str(peers.place)}
        failed = peers.failed.get(name, "")
        rows.append(Row(name, ["node", worker, name], version, env=env, goals=goals.get(name, {}), failed=failed))
    # What V8 compiles takes a while to settle.
    return compared(settings, ["infrai"], rows, warm=0.8)


def compared(settings: Settings, ours: Sequence[str], rows: Sequence[Row], warm: float = 0.3) -> Result:
    """Runs all clients in turns, after `warm` seconds of each, and compares them with ours. Every call has to be answered rightly."""
    result = Result()
    result.say(
        "*On one core*, server and clients take turns and nothing but the work for a call decides; *on all cores*, the system "
        "places them, and wake-ups across cores count too. `CPU µs a call` is the client's alone; `× infrai` is how many times as "
        "many calls a second infrai makes."
    )
    for where, on in {"one core": one_core(), "all cores": set[int]()}.items():
        if settings.smoke and on:
            continue
        everybody = where == "one core" or settings.long or settings.smoke
        compete = [row for row in rows if everybody or row.name in ours or row.name in CLOSE]
        with ExitStack() as stack:
            # With real-time priority, every wake-up would move to another core, which no program's own would.
            server = stack.enter_context(Server(settings.profile, on, ahead=bool(on)))
            workers = opened(stack, server.url, on, ours, compete, result)
            for at_once, title in MODES.items():
                table(result, f"{title}, {where}", ours, compete, rounds(settings, server, workers, at_once, warm))
    if settings.smoke:
        result.goals.clear()
    return result


def opened(
    stack: ExitStack, url: str, on: set[int], ours: Sequence[str], rows: Sequence[Row], result: Result
) -> dict[str, Worker]:
    """The workers that run. One of ours that does not is an error; a peer that does not is named."""
    workers: dict[str, Worker] = {}
    for row in rows:
        try:
            if row.failed:
                raise Failed(row.failed)
            worker = stack.enter_context(Worker([*row.command, url], on, row.env, ahead=bool(on)))
            worker.ready()
            workers[row.name] = worker
        except Failed as error:
            if row.name in ours:
                raise
            row.failed = str(error)
            failure = f"{row.name} did not run: {error}"
            if failure not in result.failures:
                result.failures.append(failure)
    return workers


def rounds(settings: Settings, server: Server, workers: Mapping[str, Worker], at_once: int, warm: float) -> dict[str, Measured]:
    """The clients take turns: every round has one of each."""
    seconds = 0.02 if settings.smoke else 0.25 if settings.long else 0.1
    measured = {name: Measured() for name in workers}
    for worker in workers.values():
        # Connections, caches, compiled code.
        worker.ask(seconds=0.02 if settings.smoke else warm, concurrency=at_once)
    server.plan()
    calls = 0
    for _ in range(settings.pick(2, 9, 41)):
        for name, worker in workers.items():
            told = worker.ask(seconds=seconds, concurrency=at_once)
            calls += told["calls"]
            measured[name].add(told)
    seen = server.counts()["requests"]
    if seen != calls:
        raise AssertionError(f"the clients made {calls} calls, and the server saw {seen} requests")
    return measured


def table(result: Result, title: str, ours: Sequence[str], rows: Sequence[Row], measured: Mapping[str, Measured]) -> None:
    """The table of one mode, and its goals."""
    head = [title, "version", "calls/s", "CPU µs a call", "p50 µs", "p99 µs", *(f"× {name}" for name in ours)]
    lines = []
    for row in rows:
        if row.name not in measured:
            first = row.failed.strip().splitlines()[-1][:120]
            lines.append([row.name, row.version, f"**did not run: {first}**", *[""] * (len(head) - 3)])
            continue
        told = measured[row.name]
        values = [figures.number(median(values)) for values in (told.rates, told.cpu, told.p50, told.p99)]
        compared_to = ["" if row.name == name else str(figures.ratios(measured[name].rates, told.rates)) for name in ours]
        lines.append([row.name, row.version, *values, *compared_to])
    result.table(head, lines)
    for row in rows:
        for name, wanted in row.goals.items():
            theirs = measured.get(row.name)
            ratio = None if theirs is None else figures.ratios(measured[name].rates, theirs.rates)
            result.goals.append(figures.at_least(f"{title.lower()}: {name} / {row.name}", ratio, wanted))
