"""Downloads of a job's file: throughput beside curl, and memory for a big file. Every saved file is checked."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from frame import build, figures, places
from frame.report import Result
from frame.server import Server
from frame.workers import Worker, peak_resident, placed, reset_peak_resident, resident

from .settings import Settings

BLOCK = 64 * 1024
#: Bytes that are checked at a file's beginning, middle and end.
PART = 4 * BLOCK
MEGABYTE = 1_000_000
GOAL = 0.9


def block() -> bytes:
    """Returns the block that the server's `files.rs` sends."""
    state, words = 0x9E3779B97F4A7C15, []
    for _ in range(BLOCK // 8):
        state ^= state << 13 & (2**64 - 1)
        state ^= state >> 7
        state ^= state << 17 & (2**64 - 1)
        words.append(state.to_bytes(8, "little"))
    return b"".join(words)


def checked(path: Path, length: int, pattern: bytes) -> None:
    """Raises unless the file has this length, and the server's bytes at its beginning, middle and end."""
    size = path.stat().st_size
    if size != length:
        raise AssertionError(f"the file has {size} bytes, not {length}")
    with path.open("rb") as file:
        for at in sorted({0, length // 2 // BLOCK * BLOCK, max(0, length - PART) // BLOCK * BLOCK}):
            file.seek(at)
            part = file.read(PART + BLOCK)
            first = at // BLOCK
            blocks = (number.to_bytes(8, "little") + pattern[8:] for number in range(first, first + PART // BLOCK + 2))
            wanted = b"".join(blocks)[: len(part)]
            if hashlib.sha256(part).digest() != hashlib.sha256(wanted).digest():
                raise AssertionError(f"the file's bytes from {at} on are not those that were sent")


def workers(settings: Settings, stack: ExitStack, url: str) -> dict[str, Worker]:
    rust = places.program("infrai-bench-rust", settings.profile)
    node = build.node_sdk()
    commands: dict[str, tuple[list[object], Mapping[str, str]]] = {
        "Rust": ([rust, "download", "core", url], {}),
        "Python": ([build.python_sdk(), places.BENCHES / "python" / "download.py", "infrai", url], {}),
        "Node.js": (["node", places.BENCHES / "node" / "download.mjs", "infrai", url], {"BENCH_PROJECT": str(node)}),
    }
    opened = {}
    for name, (command, env) in commands.items():
        opened[name] = stack.enter_context(Worker(command, env=env))
        opened[name].ready()
    return opened


def curl(url: str, length: int, path: Path) -> float:
    """Downloads with curl; returns the seconds that it reports, without its start."""
    command = ["curl", "--silent", "--fail", "--noproxy", "*", "--output", str(path), "--write-out", "%{time_total}"]
    done = subprocess.run(
        [*command, f"{url}/files/{length}.mp4"], check=True, capture_output=True, text=True, preexec_fn=placed(())
    )
    return float(done.stdout)


def run(settings: Settings) -> Result:
    build.programs(settings.profile, "infrai-bench-server", "infrai-bench-rust")
    result, pattern = Result(), block()
    with ExitStack() as stack:
        server = stack.enter_context(Server(settings.profile))
        clients = workers(settings, stack, server.url)
        memory(settings, result, clients, pattern)
        length = settings.pick(2, 256, 2000) * MEGABYTE
        for where, folder in folders(length):
            with tempfile.TemporaryDirectory(dir=folder, prefix="infrai-bench-") as name:
                throughput(settings, result, server.url, clients, pattern, length, where, Path(name) / "file.mp4")
    return result


def folders(length: int) -> list[tuple[str, Path]]:
    """Returns the folders to save in: one in memory, if there is room, and one on the disk."""
    places.CACHE.mkdir(parents=True, exist_ok=True)
    found = [("disk", places.CACHE)]
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free > 3 * length:
        found.insert(0, ("memory", memory))
    return found


def memory(settings: Settings, result: Result, clients: Mapping[str, Worker], pattern: bytes) -> None:
    length = settings.pick(3, 2000, 2000) * MEGABYTE
    rows = []
    with tempfile.TemporaryDirectory(dir=places.CACHE, prefix="infrai-bench-") as name:
        path = Path(name) / "file.mp4"
        for language, worker in clients.items():
            worker.ask(bytes=MEGABYTE, path=str(path))
            idle = resident(worker.pid)
            reset_peak_resident(worker.pid)
            worker.ask(bytes=length, path=str(path))
            most = peak_resident(worker.pid)
            checked(path, length, pattern)
            path.unlink()
            over = None if most is None or idle is None else (most - idle) / 1e6
            cells = ["–", "–"] if over is None or idle is None else [figures.number(idle / 1e6), figures.number(over)]
            rows.append([language, *cells])
            if not settings.smoke:
                result.goals.append(figures.at_most(f"{language}: memory of a 2 GB file over idle", over, 20, "MB"))
    result.table([f"A file of {length // MEGABYTE:,} MB", "idle MB", "over idle MB"], rows)


def throughput(
    settings: Settings,
    result: Result,
    url: str,
    clients: Mapping[str, Worker],
    pattern: bytes,
    length: int,
    where: str,
    path: Path,
) -> None:
    rates: dict[str, list[float]] = {"curl": [], **{name: [] for name in clients}}
    cpu: dict[str, list[float]] = {name: [] for name in clients}
    for count in range(settings.pick(1, 4, 10) + 1):
        for name in rates:
            if name == "curl":
                seconds = curl(url, length, path)
            else:
                answer = clients[name].ask(bytes=length, path=str(path))
                seconds = answer["seconds"]
                if count > 0:
                    cpu[name].append(answer["cpu"] / length * 1e12)  # ms per GB
            if count > 0:  # the first round warms up
                rates[name].append(length / seconds / 1e6)
            checked(path, length, pattern)
            path.unlink()
    rows = []
    for name, values in rates.items():
        ratio = figures.ratios(values, rates["curl"])
        used = figures.number(median(cpu[name])) if name in cpu else "–"
        rows.append([name, figures.number(median(values)), used, "" if name == "curl" else str(ratio)])
        if name != "curl" and not settings.smoke:
            result.goals.append(figures.at_least(f"to {where}: {name} / curl", ratio, GOAL))
    durable = " The SDK reports a file as saved once it is on the disk (`fsync`); curl leaves that to the system."
    result.say(f"{length // MEGABYTE:,} MB from the local server to {where}.{'' if where == 'memory' else durable}")
    result.table(["", "MB/s", "CPU ms per GB", "× curl"], rows)
