"""Throughput of the sandbox: frames per second by resolution, jobs per minute, requests per second."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from frame import build, figures, places
from frame.report import Result
from frame.workers import Worker

from .settings import Settings


def run(settings: Settings) -> Result:
    build.programs(settings.profile, "infrai-bench-rust", "infrai-cli")
    flags = ["--release", "--package", "infrai-render"] if settings.profile == "release" else ["--workspace"]
    build.run(places.CARGO, "build", "--locked", "--quiet", *flags, "--example", "render")
    result = Result()
    frames(settings, result)
    with sandbox(settings) as (url, key):
        job = jobs(settings, result, url, key)
        requests(settings, result, url, key, job)
    return result


def frames(settings: Settings, result: Result) -> None:
    rows = []
    render = places.target() / settings.profile / "examples" / "render"
    with tempfile.TemporaryDirectory() as folder:
        for resolution in ["720p"] if settings.smoke else ["720p", "1080p", "4k"]:
            seconds = settings.pick(1, 1, 8)
            command = [render, "a paper boat on a pond, 池塘里的纸船", "--resolution", resolution, "--seconds", seconds]
            words = [str(word) for word in [*command, "--out", Path(folder) / "video.mp4"]]
            rates, size = [], 0
            for _ in range(settings.pick(1, 3, 5) if resolution != "4k" or settings.long else 1):
                output = subprocess.run(words, check=True, capture_output=True, text=True).stdout
                found = re.search(r"(\d+) frames, (\d+) bytes, ([\d.]+) s", output)
                if found is None:
                    raise AssertionError(f"render printed {output!r}")
                rates.append(int(found[1]) / max(float(found[3]), 1e-3))
                size = int(found[2])
            rows.append([resolution, str(figures.Spread.of(rates)), figures.number(size / seconds / 1e3)])
    result.table(["Rendering", "frames/s", "kB per second of video"], rows)


@contextmanager
def sandbox(settings: Settings) -> Iterator[tuple[str, str]]:
    """Runs a sandbox in a process and a folder of its own; yields its URL and an account's key."""
    command = [
        str(places.program("infrai", settings.profile)),
        "--json",
        "sandbox",
        "--temporary",
        "--exit-with-parent",
        "--addr",
    ]
    process = subprocess.Popen(
        [*command, "127.0.0.1:0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=places.environment()
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        url = json.loads(process.stdout.readline())["url"]
        fingerprint = {"region": "auto", "device_kind": "cli", "device_fingerprint": "00000000-0000-4000-8000-000000000001"}
        yield url, asked(url, "POST", "/v1/activate", fingerprint)["primary_api_key"]
    finally:
        process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def asked(url: str, method: str, path: str, body: Any = None, key: str = "") -> Any:
    """Makes one call with the standard library; returns its data."""
    headers = {"content-type": "application/json", "idempotency-key": f"bench-{time.monotonic_ns()}"}
    if key:
        headers["authorization"] = f"Bearer {key}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        return json.load(answer)["data"]


def jobs(settings: Settings, result: Result, url: str, key: str) -> str:
    """Measures jobs of one second at 720p, all submitted at once; returns the id of one that succeeded."""
    count = settings.pick(1, 20, 100)
    begun = time.monotonic()
    options = {"prompt": "a paper boat on a pond", "duration_seconds": 1, "resolution": "720p"}
    ids: list[str] = [asked(url, "POST", "/v1/video/generate", options, key)["job_id"] for _ in range(count)]
    for id in ids:
        while (job := asked(url, "GET", f"/v1/video/jobs/{id}", key=key))["state"] != "succeeded":
            if job["state"] in ("failed", "cancelled"):
                raise AssertionError(f"a job of the sandbox ended as {job}")
            time.sleep(0.05)
    minutes = (time.monotonic() - begun) / 60
    result.table(["Jobs of 1 s at 720p", "jobs per minute"], [[f"{count} submitted at once", figures.number(count / minutes)]])
    return ids[0]


def requests(settings: Settings, result: Result, url: str, key: str, job: str) -> None:
    """Measures `status` of an ended job with the core. Sandbox and client share the machine's cores."""
    rows = []
    worker = places.program("infrai-bench-rust", settings.profile)
    seconds = 0.05 if settings.smoke else 1.0
    with Worker([worker, "calls", "core", url, key, job, "succeeded"]) as client:
        client.ready()
        for concurrency in (1, 64):
            client.ask(seconds=seconds / 2, concurrency=concurrency)
            answers = [client.ask(seconds=seconds, concurrency=concurrency) for _ in range(settings.pick(1, 3, 10))]
            rates = figures.Spread.of([one["calls"] / one["seconds"] for one in answers])
            rows.append([f"{concurrency} at once", str(rates)])
    result.table(["Requests: `status`", "requests/s"], rows)
