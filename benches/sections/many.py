"""Ten thousand concurrent waits of one client: memory, poll rate, gaps between polls, and processor time while idle."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from frame import build, figures, places
from frame.report import Result
from frame.server import Server
from frame.workers import Worker, cpu_seconds, peak_resident, reset_peak_resident, resident

from .settings import Settings


@dataclass
class Way:
    """A language's way of awaiting many jobs, and its memory goal per job."""

    name: str
    command: Sequence[object]
    kilobytes: float
    env: Mapping[str, str] | None = None
    #: Whether the client submits the jobs itself.
    generates: bool = False


@dataclass(frozen=True)
class Load:
    """The jobs, the client's limits and the server's timing."""

    jobs: int
    #: The limits: polls per second, and polls at once.
    rate: int
    concurrency: int
    #: Seconds without any poll after the first poll of every job. The jobs end within `ending` seconds after that.
    silence: int
    ending: int
    delay_ms: int = 20

    @property
    def hold(self) -> int:
        return int(2 * self.round) + 1 + (self.silence and 2 + self.silence)

    @property
    def round(self) -> float:
        """Seconds for one poll of every job within the rate limit."""
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
    return awaited(settings, [Way("Rust, one task per job", [worker, "many", "core"], 6)])


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
        f"{plan.jobs:,} jobs, at most {plan.rate:,} polls per second and {plan.concurrency} at once, each answered after "
        f"{plan.delay_ms} ms: one poll of every job takes {plan.round:.1f} s. At the first poll the server asks the client, by "
        f"`Retry-After`, to wait until second {plan.hold}. All jobs end within {plan.ending} s after that. Lateness is the time from "
        "a job's end to the answer that reports it; a gap is the time between two polls of one job."
    )
    head = [
        "",
        "found",
        "kB per job",
        "idle MB",
        "polls per job",
        "most in one second",
        "most at once",
        "connections",
        "longest gap s",
    ]
    head += ["lateness mean s", "max s", "CPU µs per poll", "CPU of a core while idle"]
    rows = []
    for way in ways:
        seen = one(settings, way, plan)
        memory = None if seen["memory"] is None else seen["memory"] / plan.jobs / 1e3
        idle = seen["idle_cpu"]
        rows.append(
            [
                way.name,
                f"{seen['found']:,}",
                "–" if memory is None else figures.number(memory),
                "–" if seen["before"] is None else figures.number(seen["before"] / 1e6),
                figures.number(seen["polls"] / plan.jobs),
                f"{seen['most_polls_in_a_second']:,}",
                str(seen["most_polls_at_once"]),
                f"{seen['most_connections']:,}",
                figures.number(seen["gap"]),
                figures.number(seen["late"]["mean"]),
                figures.number(seen["late"]["max"]),
                figures.number(seen["cpu"] / seen["polls"] * 1e6),
                "–" if idle is None else f"{idle * 100:.2f} %",
            ]
        )
        if settings.smoke:
            continue
        result.goals += [
            figures.at_most(f"{way.name}: memory per job", memory, way.kilobytes, "kB"),
            figures.at_most(f"{way.name}: polls in one second", seen["most_polls_in_a_second"], plan.rate, ""),
            figures.at_most(f"{way.name}: polls at once", seen["most_polls_at_once"], plan.concurrency, ""),
            figures.at_most(f"{way.name}: CPU while idle", None if idle is None else idle * 100, 2, "%"),
        ]
    result.table(head, rows)
    return result


def one(settings: Settings, way: Way, plan: Load) -> dict[str, Any]:
    """Runs one way; returns the client's resources and the server's counts. Raises unless each job is found and polled no more."""
    lengths = f"uniform,{plan.hold},{plan.hold + plan.ending}"
    with Server(settings.profile) as server:
        server.plan(jobs=1, lengths="fixed,0")
        limits = [server.url, plan.rate, plan.concurrency]
        with Worker([*way.command, *limits], env=way.env) as worker:
            worker.ready()
            server.plan(
                jobs=0 if way.generates else plan.jobs,
                lengths=lengths,
                delay_ms=plan.delay_ms,
                hold_s=plan.hold,
                seed=7,
            )
            before = resident(worker.pid)
            reset_peak_resident(worker.pid)
            worker.begin(jobs=plan.jobs)
            idle_cpu = idle_share(server, worker, plan)
            answer = worker.answer()
            most = peak_resident(worker.pid)
        counts, jobs = server.counts(), server.jobs()
    for what, is_, wanted in [
        ("found by the client", answer["found"], plan.jobs),
        ("wrong", answer["wrong"], 0),
        ("found according to the server", jobs["found"], plan.jobs),
        ("polls after the end was reported", jobs["polls_after_end"], 0),
    ]:
        if is_ != wanted:
            raise AssertionError(f"{way.name}: {what}: {is_}, not {wanted}; {answer['first_wrong']}")
    return {
        **counts,
        **answer,
        "before": before,
        "memory": None if most is None or before is None else most - before,
        "idle_cpu": idle_cpu,
        "gap": jobs["gap_s"]["max"],
        "late": jobs["lateness_s"],
    }


def idle_share(server: Server, worker: Worker, plan: Load) -> float | None:
    """Returns the share of a core that the client uses once every job was polled and no poll is due; none if it was not idle."""
    begun, ends = time.monotonic(), plan.hold - 0.5
    while time.monotonic() - begun < ends - plan.silence / 2:
        seen = server.jobs()
        if seen["polled"] == plan.jobs and server.counts()["idle_s"] > 0.5:
            break
        time.sleep(0.1)
    else:
        return None
    requests, at, before = server.counts()["requests"], time.monotonic(), cpu_seconds(worker.pid)
    time.sleep(max(0.0, min(plan.silence, begun + ends - at)))
    length, after = time.monotonic() - at, cpu_seconds(worker.pid)
    if before is None or after is None or server.counts()["requests"] != requests:
        return None
    return (after - before) / length
