"""The interpreter's exit with calls under way: each in a process of its own, with a time limit; the exit code is kept."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import CLIENT
from scripted import ScriptedServer

# Threads that are not waited for meet an interpreter that takes its time to end.
SLOW_END = """
class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(0.5)
slow = Slow()
print("end", flush=True)
sys.exit(7)
"""

STAY = """
inside = threading.Event()
def stay(*_):
    inside.set()
    while True:
        time.sleep(0.001)
def daemon(work):
    threading.Thread(target=work, daemon=True).start()
    assert inside.wait(30)
"""

DAEMONS = {
    "an update": "daemon(lambda: client.video.wait('vid_1', on_update=stay))",
    "a hook": "daemon(infrai.InfraiClient(KEY, base_url=URL, on_request=stay).account.balance)",
    "a key function": "daemon(infrai.InfraiClient(stay, base_url=URL).account.balance)",
    "a key function of a stream that nobody reads": """
def key():
    return KEY if threading.current_thread() is threading.main_thread() else stay()
watch = infrai.InfraiClient(key, base_url=URL, polling=FAST).video.watch("vid_1")
next(watch)
assert inside.wait(30)
""",
    "a log handler": """
import logging
handler = logging.Handler()
handler.handle = stay  # not emit: logging itself would wait for it
logging.getLogger("infrai").addHandler(handler)
logging.getLogger("infrai").setLevel(logging.DEBUG)
daemon(client.account.balance)
""",
    "prompts that it collects": "daemon(lambda: client.video.generate_many(stay() for _ in 'x'))",
}


@pytest.mark.core
@pytest.mark.parametrize("where", DAEMONS)
def test_the_interpreter_exits_while_a_thread_is_in(server: ScriptedServer, script: Any, where: str) -> None:
    server.job("running")
    server.on("GET /v1/account/balance", {"balance_usd": 1})
    done = script(CLIENT + STAY + DAEMONS[where] + SLOW_END, check=False)
    assert (done.returncode, done.stdout) == (7, "end\n"), done.stderr


@pytest.mark.core
def test_the_interpreter_exits_with_calls_of_a_loop_that_watches_no_socket(
    server: ScriptedServer, script: Any
) -> None:
    server.on("GET /v1/account/balance", {"balance_usd": 1})
    code = (
        CLIENT
        + """
import asyncio, logging
class Loop(asyncio.SelectorEventLoop):
    # As the loop of Windows: it watches sockets of its own alone.
    def add_reader(self, watched, call, *args):
        if call.__name__ != "_read_from_self":
            raise NotImplementedError
        super().add_reader(watched, call, *args)
awaited = infrai.AsyncInfraiClient(KEY, base_url=URL, on_request=len, on_response=len)
async def call():
    while True:
        await awaited.account.balance()
loop = Loop()
tasks = [loop.create_task(call()) for _ in range(32)]
loop.run_until_complete(asyncio.sleep(0.3))
logging.getLogger("asyncio").disabled = True
"""
        + SLOW_END
    )
    for _ in range(3):
        done = script(code, check=False)
        assert done.returncode == 7, done.stderr
        assert done.stdout == "end\n" and "Fatal" not in done.stderr


@pytest.mark.core
def test_the_interpreter_exits_while_daemon_threads_wait(server: ScriptedServer, script: Any) -> None:
    server.job("running")
    server.on("POST /v1/video/generate", {"job_id": "vid_1", "state": "queued"})
    code = (
        CLIENT
        + """
for _ in range(4):
    threading.Thread(target=lambda: client.video.wait("vid_1", on_update=print), daemon=True).start()
    threading.Thread(target=lambda: list(client.video.generate_many(["x"])), daemon=True).start()
time.sleep(0.5)
print("end", flush=True)
sys.exit(7)
"""
    )
    done = script(code, check=False)
    assert done.returncode == 7, done.stderr
    assert done.stdout.endswith("end\n") and "panicked" not in done.stderr


@pytest.mark.core
def test_the_interpreter_exits_with_streams_and_awaitables_unfinished(
    server: ScriptedServer, script: Any
) -> None:
    server.job("running")
    server.on("POST /v1/video/generate", {"job_id": "vid_1", "state": "queued"})
    code = (
        CLIENT
        + """
import asyncio
stream = client.video.watch("vid_1")
next(stream)
awaited = infrai.AsyncInfraiClient(KEY, base_url=URL)
loop = asyncio.new_event_loop()
tasks = [loop.create_task(awaited.video.wait("vid_1")) for _ in range(10)]
loop.run_until_complete(asyncio.sleep(0.2))
import logging
logging.getLogger("asyncio").disabled = True
print("end", flush=True)
sys.exit(7)
"""
    )
    done = script(code, check=False)
    assert done.returncode == 7, done.stderr
    assert "panicked" not in done.stderr


def test_an_exit_handler_may_still_call(server: ScriptedServer, script: Any) -> None:
    server.on("*", {"balance_usd": 1})
    code = (
        CLIENT
        + """
import atexit
atexit.register(lambda: print("at exit", client.account.balance().balance_usd, flush=True))
"""
    )
    assert script(code).stdout == "at exit 1\n"
