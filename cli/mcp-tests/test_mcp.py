"""`infrai mcp` with the official Python client: over stdio and HTTP, in the current protocol and the one that begins with `initialize`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import tempfile
import unittest
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import httpx2
import mcp_types
from mcp import StdioServerParameters
from mcp.client.client import Client
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.client.streamable_http import streamable_http_client

CLI = os.environ["INFRAI_CLI"]
TRANSPORTS = ("stdio", "http")
#: Revision 2026-07-28, and 2025-11-25.
MODES = ("2026-07-28", "legacy")


def short(prompt: str, **more: object) -> dict[str, Any]:
    return {"prompt": prompt, "duration_seconds": 1, "aspect": "1:1", **more}


class TaskResult(mcp_types.Result):
    result_type: Literal["task"]
    task_id: str
    poll_interval_ms: int


class GetTask(mcp_types.Request[dict[str, str], str]):
    name_param = "taskId"


class DetailedTask(mcp_types.Result):
    status: str
    result: dict[str, Any] | None = None


class Tasks(ClientExtension):
    """The extension of tasks: polls a task until it has ended."""

    identifier = "io.modelcontextprotocol/tasks"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def claims(self) -> list[ResultClaim[TaskResult]]:
        return [ResultClaim(result_type="task", model=TaskResult, resolve=self.resolve)]

    async def resolve(self, task: TaskResult, context: ClaimContext) -> mcp_types.CallToolResult:
        self.seen.append(task.task_id)
        while True:
            request = GetTask(method="tasks/get", params={"taskId": task.task_id})
            current = await context.session.send_request(request, DetailedTask)  # type: ignore[arg-type]
            if current.status != "working":
                assert current.status == "completed", current
                return mcp_types.CallToolResult.model_validate(current.result)
            await asyncio.sleep(0.1)


class Mcp(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name)

    @contextlib.asynccontextmanager
    async def client(self, transport: str, mode: str, *words: str, data: str = "data", **options: Any) -> AsyncIterator[Client]:
        command = ["--sandbox", "--data-dir", str(self.home / data), "mcp", "--output-dir", str(self.home / "videos"), *words]
        if transport == "stdio":
            async with Client(StdioServerParameters(command=CLI, args=command, cwd=self.home), mode=mode, **options) as client:
                yield client
            return
        server = subprocess.Popen([CLI, *command, "--http", "127.0.0.1:0"], cwd=self.home, stderr=subprocess.PIPE, text=True)
        try:
            assert server.stderr is not None
            url = next(line for line in server.stderr if "http://" in line).split()[-1]
            token = next(line for line in server.stderr if line.startswith("Token: ")).split()[1]
            async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False) as http:
                async with Client(streamable_http_client(url, http_client=http), mode=mode, **options) as client:
                    yield client
        finally:
            server.terminate()
            server.communicate(timeout=30)
        self.assertEqual(server.returncode, 0)

    async def ok(self, client: Client, tool: str, arguments: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        result = await client.call_tool(tool, arguments or {}, **options)
        self.assertFalse(result.is_error, result)
        assert isinstance(result.structured_content, dict)
        return result.structured_content

    async def test_a_job_lives_from_prompt_to_file(self) -> None:
        for transport in TRANSPORTS:
            for mode in MODES:
                with self.subTest(transport=transport, mode=mode):
                    # The client checks each result against the tool's schema.
                    async with self.client(transport, mode, data=f"{transport}-{mode}") as client:
                        self.assertEqual(client.protocol_version, "2025-11-25" if mode == "legacy" else mode)
                        tools = (await client.list_tools()).tools
                        self.assertEqual(len(tools), 9)
                        job = await self.ok(client, "generate_video", short(f"a kite over {transport} in {mode}"))
                        seen: list[float] = []

                        async def progress(now: float, total: float | None, message: str | None) -> None:
                            assert total is not None and message
                            seen.append(now)

                        ended = await self.ok(client, "wait_for_video", {"job_id": job["job_id"]}, progress_callback=progress)
                        self.assertEqual((ended["state"], ended["cost_usd"]), ("succeeded", 0.02))
                        self.assertTrue(seen and seen == sorted(set(seen)), seen)
                        result = await client.call_tool("download_video", {"job_id": job["job_id"], "path": f"{transport}-{mode}.mp4"})
                        link = result.content[1]
                        assert isinstance(link, mcp_types.ResourceLink)
                        self.assertEqual((link.mime_type, link.size), ("video/mp4", (self.home / "videos" / link.name).stat().st_size))
                        for tool in ("video_status", "list_videos", "account_balance", "video_options"):
                            await self.ok(client, tool, {"job_id": job["job_id"]} if tool == "video_status" else {})
                        refused = await client.call_tool("cancel_video", {"job_id": "vid_unknown"})
                        self.assertTrue(refused.is_error)
                        resources = (await client.list_resources()).resources
                        read = await client.read_resource(next(str(each.uri) for each in resources if "/jobs/" in str(each.uri)))
                        self.assertIn("succeeded", str(read.contents[0]))

    async def test_tasks_of_the_current_protocol_are_jobs(self) -> None:
        for transport in TRANSPORTS:
            with self.subTest(transport=transport):
                tasks = Tasks()
                async with self.client(transport, "2026-07-28", data=transport, extensions=[tasks]) as client:
                    job = await self.ok(client, "generate_video", short(f"a kite over {transport}"))
                    self.assertEqual((tasks.seen, job["state"]), ([job["job_id"]], "succeeded"))

    async def test_twenty_calls_at_once_and_their_repetition_cost_once(self) -> None:
        for transport in TRANSPORTS:
            for mode in MODES:
                with self.subTest(transport=transport, mode=mode):
                    async with self.client(transport, mode, data=f"{transport}-{mode}") as client:
                        before = (await self.ok(client, "account_balance"))["balance_usd"]
                        prompts = [short(f"{number % 10} kites over {transport} in {mode}") for number in range(20)]
                        jobs = await asyncio.gather(*(self.ok(client, "generate_video", arguments) for arguments in prompts))
                        self.assertEqual(len({job["job_id"] for job in jobs}), 10)
                        self.assertEqual(sum(job["replayed"] for job in jobs), 10)
                        after = (await self.ok(client, "account_balance"))["balance_usd"]
                        self.assertAlmostEqual(before - after, 0.2)

    async def test_a_wait_that_is_given_up_leaves_the_job(self) -> None:
        for transport in TRANSPORTS:
            for mode in MODES:
                with self.subTest(transport=transport, mode=mode):
                    data = f"{transport}-{mode}"
                    arguments = short(f"a kite over {transport} in {mode}", model="sandbox/stuck")
                    async with self.client(transport, mode, data=data) as client:
                        job = await self.ok(client, "generate_video", arguments)
                        wait = {"job_id": job["job_id"], "timeout_seconds": 600}
                        with self.assertRaises((asyncio.TimeoutError, TimeoutError)):
                            await asyncio.wait_for(client.call_tool("wait_for_video", wait), 0.5)
                        status = await self.ok(client, "video_status", {"job_id": job["job_id"]})
                        self.assertFalse(status["ended"])
                        # The client goes away with a wait in flight.
                        waiting = asyncio.create_task(client.call_tool("wait_for_video", wait))
                        await asyncio.sleep(0.2)
                        waiting.cancel()
                    async with self.client(transport, mode, data=data) as client:
                        again = await self.ok(client, "generate_video", arguments)
                        self.assertEqual((again["job_id"], again["replayed"]), (job["job_id"], True))

    async def test_limits_refuse_before_sending(self) -> None:
        for mode in MODES:
            with self.subTest(mode=mode):
                async with self.client("stdio", mode, "--max-cost-usd", "0.03", "--confirm-above-usd", "0.02", data=mode) as client:
                    await self.ok(client, "generate_video", short(f"a kite in {mode}"))
                    for code, arguments in (
                        ("SPENDING_LIMIT", short(f"two kites in {mode}")),
                        ("CONFIRMATION_REQUIRED", short(f"three kites in {mode}", resolution="1080p")),
                    ):
                        result = await client.call_tool("generate_video", arguments)
                        assert isinstance(result.structured_content, dict)
                        error = result.structured_content["error"]
                        self.assertEqual((result.is_error, error["code"], error["money_may_have_moved"]), (True, code, False))


if __name__ == "__main__":
    unittest.main()
