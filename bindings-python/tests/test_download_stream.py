"""`download_stream`: a video's bytes, piece after piece, blocking and awaited."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import infrai
import pytest
from scripted import Reply, ScriptedServer

BODY = bytes(range(256)) * 4096


@pytest.fixture
def video(server: ScriptedServer) -> str:
    server.job("succeeded", video_url=f"{server.url}/file")
    server.on("GET /file", Reply(body=BODY, headers={"content-type": "video/mp4"}))
    return "vid_1"


@pytest.mark.core
def test_a_video_is_read_piece_by_piece(client: infrai.InfraiClient, video: str, tmp_path: Path) -> None:
    with client.video.download_stream(video) as stream, (tmp_path / "v.mp4").open("wb") as file:
        assert stream.job.job_id == "vid_1" and stream.job.state == "succeeded"
        file.writelines(stream)
    assert (tmp_path / "v.mp4").read_bytes() == BODY
    pieces = list(client.video.status(video).download_stream())
    assert b"".join(pieces) == BODY and len(pieces) > 1 and {type(piece) for piece in pieces} == {bytes}


@pytest.mark.core
def test_size_and_type_are_known_before_the_first_piece(
    client: infrai.InfraiClient, async_client: infrai.AsyncInfraiClient, video: str
) -> None:
    async def main() -> tuple[int | None, str | None]:
        async with await async_client.video.download_stream(video) as stream:
            return stream.size, stream.content_type

    with client.video.download_stream(video) as stream:
        assert (stream.size, stream.content_type) == asyncio.run(main()) == (len(BODY), "video/mp4")


@pytest.mark.core
def test_a_video_is_awaited_piece_by_piece(async_client: infrai.AsyncInfraiClient, video: str) -> None:
    async def main() -> tuple[bytes, bytes]:
        async with await async_client.video.download_stream(video) as stream:
            assert stream.job.job_id == "vid_1"
            read = b"".join([piece async for piece in stream])
        job = await async_client.video.status(video)
        return read, b"".join([piece async for piece in await job.download_stream()])

    assert asyncio.run(main()) == (BODY, BODY)


def test_what_is_known_before_the_first_byte_is_raised_by_the_call(
    server: ScriptedServer, client: infrai.InfraiClient, async_client: infrai.AsyncInfraiClient
) -> None:
    server.job("running")
    with pytest.raises(infrai.InvalidRequestError) as caught:
        client.video.download_stream("vid_1")
    assert caught.value.code == "JOB_NOT_READY" and isinstance(caught.value.job, infrai.VideoJob)
    with pytest.raises(infrai.InvalidRequestError) as caught:
        asyncio.run(async_client.video.download_stream("vid_1"))
    assert isinstance(caught.value.job, infrai.AsyncVideoJob)
    with pytest.raises(infrai.InvalidRequestError):
        client.video.download_stream(7)  # type: ignore[arg-type]


def test_a_stream_that_cannot_be_resumed_raises_and_is_over(
    server: ScriptedServer, client: infrai.InfraiClient, video: str
) -> None:
    server.on("GET /file", Reply(body=BODY, headers={"content-length": str(len(BODY) + 1)}, close=True))
    read = bytearray()
    stream = client.video.download_stream(video)
    with pytest.raises(infrai.ConnectionError) as caught:
        for piece in stream:
            read += piece
    assert caught.value.code == "DOWNLOAD_FAILED" and read == BODY
    assert list(stream) == []


def test_a_timeout_ends_a_download_and_leaves_nothing(
    server: ScriptedServer,
    client: infrai.InfraiClient,
    async_client: infrai.AsyncInfraiClient,
    video: str,
    tmp_path: Path,
) -> None:
    (folder := tmp_path / "videos").mkdir()
    # Half of what is announced, and then nothing more.
    server.on("GET /file", Reply(body=BODY, headers={"content-length": str(len(BODY) * 2)}, then=BODY))
    with pytest.raises(infrai.TimeoutError) as caught:
        client.video.download(video, folder / "v.mp4", timeout=0.5)
    assert caught.value.code == "DOWNLOAD_TIMEOUT" and list(folder.iterdir()) == []
    with pytest.raises(infrai.TimeoutError):
        list(client.video.status(video).download_stream(timeout=0.5))

    async def main() -> None:
        with pytest.raises(infrai.TimeoutError):
            await (await async_client.video.status(video)).download(folder / "v.mp4", timeout=0.5)
        with pytest.raises(infrai.TimeoutError):
            async for _ in await async_client.video.download_stream(video, timeout=0.5):
                pass

    asyncio.run(main())
    assert list(folder.iterdir()) == []
    server.go_on.set()


def test_leaving_a_stream_hangs_up(server: ScriptedServer, client: infrai.InfraiClient, video: str) -> None:
    server.on("GET /file", Reply(body=BODY, headers={"content-length": str(len(BODY) * 1000)}))
    with client.video.download_stream(video) as stream:
        assert next(stream)
    assert list(stream) == []
    assert server.hung_up.wait(10)


def test_a_cancelled_reader_leaves_the_stream_to_the_next(
    server: ScriptedServer, async_client: infrai.AsyncInfraiClient, video: str
) -> None:
    # The body's second half comes when the first reader has been cancelled.
    server.on("GET /file", Reply(body=BODY, headers={"content-length": str(len(BODY) * 2)}, then=BODY))

    async def main() -> bytes:
        stream = await async_client.video.download_stream(video)
        read = bytearray()
        while len(read) < len(BODY):
            read += await anext(stream)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        server.go_on.set()
        async for piece in stream:
            read += piece
        return bytes(read)

    def anext(stream: Any) -> Any:
        return stream.__anext__()

    assert asyncio.run(main()) == BODY * 2


@pytest.mark.parametrize("kind", ["download_stream", "generate_many"])
def test_what_a_cancelled_reader_had_coming_goes_to_the_next(
    server: ScriptedServer, async_client: infrai.AsyncInfraiClient, video: str, kind: str
) -> None:
    server.on("POST /v1/video/generate", {"job_id": "vid_1", "state": "succeeded"})

    async def main() -> list[Any]:
        if kind == "download_stream":
            stream: Any = await async_client.video.download_stream(video)
        else:
            stream = async_client.video.generate_many(["a"] * 20, concurrency=1)
        read = []
        while True:
            reader = asyncio.ensure_future(stream.__anext__())
            await asyncio.sleep(0)
            # What is read comes while this thread is elsewhere, and the reader is gone when it is handed out.
            time.sleep(0.02)
            reader.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reader
            try:
                read.append(await stream.__anext__())
            except StopAsyncIteration:
                return read

    read = asyncio.run(main())
    if kind == "download_stream":
        assert b"".join(read) == BODY
    else:
        assert [index for index, _ in read] == list(range(20))
