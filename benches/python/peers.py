"""The measured Python clients, each used as its documentation says. One function per client returns its call.

A call fetches the state of one running job and checks the answer. The calls of a client share one connection pool that is
large enough for 64 at once.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from worker import ID, KEY, right

Call = Callable[[], None]
AsyncCall = Callable[[], Awaitable[None]]

AT_ONCE = 64
HEADERS = {"authorization": f"Bearer {KEY}"}


def path(url: str) -> str:
    return f"{url}/v1/video/jobs/{ID}"


def enveloped(answer: Any) -> None:
    right(answer["data"]["job_id"], answer["data"]["state"], "running")


def infrai(url: str) -> Call:
    from infrai import InfraiClient

    status = InfraiClient(KEY, base_url=url).video.status

    def call() -> None:
        job = status(ID)
        right(job.job_id, job.state, "running")

    return call


def infrai_async(url: str) -> AsyncCall:
    from infrai import AsyncInfraiClient

    status = AsyncInfraiClient(KEY, base_url=url).video.status

    async def call() -> None:
        job = await status(ID)
        right(job.job_id, job.state, "running")

    return call


def http_client(url: str) -> Call:
    """The standard library: no pool, no retries, one connection per thread."""
    import http.client
    import threading

    local = threading.local()
    target = path(url)

    def call() -> None:
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection(url.removeprefix("http://"))
        local.connection.request("GET", target.removeprefix(url), headers=HEADERS)
        enveloped(json.loads(local.connection.getresponse().read()))

    return call


def urllib3(url: str) -> Call:
    from urllib3 import PoolManager

    pool, target = PoolManager(maxsize=AT_ONCE), path(url)
    return lambda: enveloped(pool.request("GET", target, headers=HEADERS).json())


def requests(url: str) -> Call:
    from requests import Session
    from requests.adapters import HTTPAdapter

    session, target = Session(), path(url)
    session.headers.update(HEADERS)
    session.mount("http://", HTTPAdapter(pool_maxsize=AT_ONCE))
    return lambda: enveloped(session.get(target).json())


def httpx(url: str) -> Call:
    from httpx import Client

    client, target = Client(headers=HEADERS), path(url)
    return lambda: enveloped(client.get(target).json())


def httpx_async(url: str) -> AsyncCall:
    from httpx import AsyncClient

    client, target = AsyncClient(headers=HEADERS), path(url)

    async def call() -> None:
        enveloped((await client.get(target)).json())

    return call


def aiohttp(url: str) -> AsyncCall:
    from aiohttp import ClientSession

    sessions: list[ClientSession] = []
    target = path(url)

    async def call() -> None:
        if not sessions:
            sessions.append(ClientSession(headers=HEADERS))  # A session belongs to the running loop.
        async with sessions[0].get(target) as response:
            enveloped(await response.json())

    return call


def openai(url: str) -> Call:
    from openai import OpenAI

    videos = OpenAI(api_key=KEY, base_url=f"{url}/v1").videos

    def call() -> None:
        video = videos.retrieve(ID)
        right(video.id, video.status, "in_progress")

    return call


def openai_async(url: str) -> AsyncCall:
    from openai import AsyncOpenAI

    videos = AsyncOpenAI(api_key=KEY, base_url=f"{url}/v1").videos

    async def call() -> None:
        video = await videos.retrieve(ID)
        right(video.id, video.status, "in_progress")

    return call


def runwayml(url: str) -> Call:
    from runwayml import RunwayML

    tasks = RunwayML(api_key=KEY, base_url=url).tasks

    def call() -> None:
        task = tasks.retrieve(ID)
        right(task.id, task.status, "RUNNING")

    return call


def runwayml_async(url: str) -> AsyncCall:
    from runwayml import AsyncRunwayML

    tasks = AsyncRunwayML(api_key=KEY, base_url=url).tasks

    async def call() -> None:
        task = await tasks.retrieve(ID)
        right(task.id, task.status, "RUNNING")

    return call


def replicate(url: str) -> Call:
    from replicate import Client

    predictions = Client(api_token=KEY, base_url=url).predictions

    def call() -> None:
        prediction = predictions.get(ID)
        right(prediction.id, prediction.status, "processing")

    return call


def replicate_async(url: str) -> AsyncCall:
    from replicate import Client

    predictions = Client(api_token=KEY, base_url=url).predictions

    async def call() -> None:
        prediction = await predictions.async_get(ID)
        right(prediction.id, prediction.status, "processing")

    return call


def fal_client(url: str) -> Call:
    from fal_client import InProgress, SyncClient
    from fal_client import client as module

    # The client accepts a host alone and connects by https, so this replaces the prefix of its URLs.
    module.QUEUE_URL_FORMAT = f"{url}/"
    client = SyncClient(key=KEY)

    def call() -> None:
        status = client.status("owner/app", ID)
        right(ID, "running" if isinstance(status, InProgress) else status, "running")

    return call


#: By the name in the tables.
BLOCKING: dict[str, Callable[[str], Call]] = {
    "infrai": infrai,
    "http.client": http_client,
    "urllib3": urllib3,
    "requests": requests,
    "httpx": httpx,
    "openai": openai,
    "runwayml": runwayml,
    "replicate": replicate,
    "fal_client": fal_client,
}
AWAITED: dict[str, Callable[[str], AsyncCall]] = {
    "infrai async": infrai_async,
    "aiohttp async": aiohttp,
    "httpx async": httpx_async,
    "openai async": openai_async,
    "runwayml async": runwayml_async,
    "replicate async": replicate_async,
}
