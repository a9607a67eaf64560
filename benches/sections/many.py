"""Ten thousand jobs awaited at once by one client: memory, requests against the budget, gaps, and the processor while nothing happens."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from frame import build, figures, places
from frame.report import Result
from frame.server import Server
from frame.workers import Worker, cpu_seconds, forget_most_resident, most_resident, resident

from .settings import Settings


@dataclass
class Way:
    """A language's way of awaiting many jobs, and how much memory a job may take."""

    name: str
    command: Sequence[object]
    kilobytes: float
    env: Mapping[str, str] | None = None
    #: The jobs are made by the client itself.
    generates: bool = False


@dataclass(frozen=True)
class Load:
    """How many jobs, how they are asked about, and how they end."""

    jobs: int
    #: Looks a second and at once.
    rate: int
    concurrency: int
    #: How long nobody has anything to ask after all were looked at once, in seconds; the jobs end within `ending` after that.
    silence: int
    ending: int
    delay_ms: int = 20

    @property
    def hold(self) -> int:
        return int(2 * self.round) + 1 + (self.silence and 2 + self.silence)

    @property
    def round(self) -> float:
        """How long one look at every job takes within the budget, in seconds."""
        return self.jobs / self.rate


def load(settings: Settings) -> Load:
    if settings.smoke:
        return Load(jobs=50, rate=500, concurrency=16, silence=0, ending=0, delay_ms=1)
    if settings.long:
        return Load(jobs=10_000, rate=500, concurrency=64, silence=20, ending=120)
    return Load(jobs=10_000, rate=4000, concurrency=128, silence=3, ending=4)


def rust(settings: Settings) -> Result:
    build.programs(settings.profile, "infrai-bench-server", "infrai-bench-rust")
    worker = places.program("infrai-bench-rust", settings.profile)
    return awaited(settings, [Way("Rust, a task a job", [worker, "many", "core"], 6)])


def python(settings: Settings) -> Result:
    build.programs(settings.profile, "infrai-bench-server")
    worker, sdk = places.BENCHES / "python" / "many.py", build.python_sdk()
    ways = [
        Way("Python, asyncio.gather", [sdk, worker, "async"], 12),
        Way("Python, generate_many", [sdk, worker, "sync"], 12, generates=True),
    ]
    return awaited(settings, ways)


def node(settings: Settings) -> Result:
    build.programs(settings.profile, "infrai-bench-server")
    sdk = build.node_sdk()
    command = ["node", "--expose-gc", places.BENCHES / "node" / "many.mjs", "infrai"]
    return awaited(settings, [Way("Node.js, Promise.all", command, 12, env={"BENCH_PROJECT": str(sdk)})])


def awaited(settings: Settings, ways: Sequence[Way]) -> Result:
    result, plan = Result(), load(settings)
    result.say(
        f"{plan.jobs:,} jobs, a budget of {plan.rate:,} looks a second and {plan.concurrency} at once, each answered after "
        f"{plan.delay_ms} ms: one look at every job takes {plan.round:.1f} s. After the first look the server asks to be left alone "
        f"until second {plan.hold}; within the {plan.ending} s after that all jobs end. Lateness is from a job's end to the answer "
        "that says so; a gap lies between two looks at one job."
    )
    head = [
        "",
        "found",
        "kB a job",
        "idle MB",
        "looks a job",
        "in the fullest second",
        "most at once",
        "connections",
        "longest gap s",
    ]
    head += ["lateness mean s", "max s", "CPU µs a look", "CPU of a core while silent"]
    rows = []
    for way in ways:
        told = one(settings, way, plan)
        memory = None if told["memory"] is None else told["memory"] / plan.jobs / 1e3
        silent = told["silent"]
        rows.append(
            [
                way.name,
                f"{told['found']:,}",
                "–" if memory is None else figures.number(memory),
                "–" if told["idle"] is None else figures.number(told["idle"] / 1e6),
                figures.number(told["looks"] / plan.jobs),
                f"{told['most_looks_in_a_second']:,}",
                str(told["most_looks_under_way"]),
                f"{told['most_connections']:,}",
                figures.number(told["gap"]),
                figures.number(told["late"]["mean"]),
                figures.number(told["late"]["max"]),
                figures.number(told["cpu"] / told["looks"] * 1e6),
                "–" if silent is None else f"{silent * 100:.2f} %",
            ]
        )
        if settings.smoke:
            continue
        result.goals += [
            figures.at_most(f"{way.name}: memory a job", memory, way.kilobytes, "kB"),
            figures.at_most(f"{way.name}: looks in the fullest second", told["most_looks_in_a_second"], plan.rate, ""),
            figures.at_most(f"{way.name}: looks at once", told["most_looks_under_way"], plan.concurrency, ""),
            figures.at_most(f"{way.name}: CPU while silent", None if silent is None else silent * 100, 2, "%"),
        ]
    result.table(head, rows)
    return result


def one(settings: Settings, way: Way, plan: Load) -> dict[str, Any]:
    """One way: what the client used and what the server saw. Every job has to be found, and looked at no more after that."""
    lengths = f"uniform,{plan.hold},{plan.hold + plan.ending}"
    with Server(settings.profile) as server:
        server.plan(jobs=1, lengths="fixed,0")
        budget = [server.url, plan.rate, plan.concurrency]
        with Worker([*way.command, *budget], env=way.env) as worker:
            worker.ready()
            server.plan(
                jobs=0 if way.generates else plan.jobs,
                lengths=lengths,
                delay_ms=plan.delay_ms,
                hold_s=plan.hold,
                seed=7,
            )
            idle = resident(worker.pid)
            forget_most_resident(worker.pid)
            worker.begin(jobs=plan.jobs)
            silent = quiet(server, worker, plan)
            told = worker.answer()
            most = most_resident(worker.pid)
        counts, jobs = server.counts(), server.jobs()
    for what, is_, wanted in [
        ("found by the client", told["found"], plan.jobs),
        ("wrong", told["wrong"], 0),
        ("found as the server saw it", jobs["found"], plan.jobs),
        ("looks after the end was told", jobs["looks_after_the_end_was_told"], 0),
    ]:
        if is_ != wanted:
            raise AssertionError(f"{way.name}: {what}: {is_}, not {wanted}; {told['first_wrong']}")
    return {
        **counts,
        **told,
        "idle": idle,
        "memory": None if most is None or idle is None else most - idle,
        "silent": silent,
        "gap": jobs["gap_s"]["max"],
        "late": jobs["lateness_s"],
    }


def quiet(server: Server, worker: Worker, plan: Load) -> float | None:
    """The share of a core that the client uses while every job has been looked at and nobody has anything to ask."""
    begun, ends = time.monotonic(), plan.hold - 0.5
    while time.monotonic() - begun < ends - plan.silence / 2:
        seen = server.jobs()
        if seen["looked_at"] == plan.jobs and server.counts()["silent_s"] > 0.5:
            break
        time.sleep(0.1)
    else:
        return None
    asked, at, before = server.counts()["requests"], time.monotonic(), cpu_seconds(worker.pid)
    time.sleep(max(0.0, min(plan.silence, begun + ends - at)))
    length, after = time.monotonic() - at, cpu_seconds(worker.pid)
    if before is None or after is None or server.counts()["requests"] != asked:
        return None
    return (after - before) / length
