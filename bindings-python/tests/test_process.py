"""Signals, forks and threads: each in a process of its own, with a time limit; none hangs or crashes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import infrai
import pytest
from conftest import CLIENT, KEY
from scripted import Reply, ScriptedServer

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork()")
signals = pytest.mark.skipif(sys.platform == "win32", reason="this system has no POSIX signals")

CALLS = {
    "status": "client.video.status('vid_1')",
    "wait": "client.video.wait('vid_1')",
    "watch": "list(client.video.watch('vid_1'))",
    "generate_many": "list(client.video.generate_many(['a', 'b']))",
    "download": "client.video.download('vid_1', os.path.join(TMP, 'v.mp4'))",
    "key function": "infrai.InfraiClient(lambda: time.sleep(60), base_url=URL).account.balance()",
}


@pytest.mark.core
@pytest.mark.skipif(os.name == "nt", reason="no such limit there")
def test_1500_awaited_calls_fit_into_1024_open_files(server: ScriptedServer, script: Any) -> None:
    server.on("GET /v1/account/balance", {"balance_usd": 1, "currency": "USD"})
    done = script(
        """
        import asyncio, infrai, resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
        async def main():
            async with infrai.AsyncInfraiClient(KEY, base_url=URL) as client:
                return await asyncio.gather(*(client.account.balance() for _ in range(1500)))
        print(len(asyncio.run(main())))
        """
    )
    assert done.stdout.strip() == "1500", done.stderr
    assert server.count("GET /v1/account/balance") == 1500


@pytest.mark.core
@pytest.mark.skipif(os.name == "nt", reason="no such limit there")
def test_a_limit_of_open_files_has_a_name_and_may_end(server: ScriptedServer, script: Any) -> None:
    server.on("GET /v1/account/balance", {"balance_usd": 1, "currency": "USD"})
    done = script(
        """
        import asyncio, infrai, os, resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
        async def exhaust(call):
            files = []
            try:
                while True:
                    files.append(open(os.devnull))
            except OSError:
                pass
            try:
                print(await call())
            except infrai.InfraiError as error:
                print(error.code, "ulimit -n" in error.hint, "report" in error.hint)
            del files
            print((await call()).balance_usd)
        async def blocking():
            return client.account.balance()
        async def main():
            await exhaust(blocking)
            async with infrai.AsyncInfraiClient(KEY, base_url=URL, max_retries=0) as other:
                await exhaust(other.account.balance)
        client = infrai.InfraiClient(KEY, base_url=URL, max_retries=0)
        asyncio.run(main())
        """
    )
    assert done.stdout.splitlines() == ["RESOURCE_LIMIT True False", "1"] * 2, done.stderr


@signals
def test_a_download_removes_what_a_killed_process_left(
    server: ScriptedServer, client: infrai.InfraiClient, script: Any, tmp_path: Path
) -> None:
    server.job("succeeded", video_url=f"{server.url}/file")
    server.on("GET /file", Reply(body=b"half", headers={"content-length": "8"}, then=b"rest"))
    code = (
        CLIENT
        + """
import glob
def kill():
    while not glob.glob(os.path.join(TMP, ".v.mp4.*.part")):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=kill).start()
client.video.download("vid_1", os.path.join(TMP, "v.mp4"))
"""
    )
    assert script(code, check=False, TMP=str(tmp_path)).returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob(".v.mp4.*.part"))) == 1
    server.on("GET /file", Reply(body=b"complete"))
    client.video.download("vid_1", tmp_path / "v.mp4")
    assert (tmp_path / "v.mp4").read_bytes() == b"complete"
    assert not list(tmp_path.glob(".v.mp4.*"))


@signals
@pytest.mark.core
@pytest.mark.parametrize("call", CALLS)
def test_ctrl_c_ends_a_blocking_call_soon(
    server: ScriptedServer, script: Any, tmp_path: Path, call: str
) -> None:
    if call in ("status", "watch"):
        server.on("GET /v1/video/jobs/vid_1", Reply({"job_id": "vid_1", "state": "running"}, delay=50))
    else:
        server.job("running")
    if call == "download":
        server.job("succeeded", video_url=f"{server.url}/file")
        server.on("GET /file", Reply(body=b"x", headers={"content-length": "1000000"}))
    server.on("POST /v1/video/generate", {"job_id": "vid_1", "state": "queued"})
    code = (
        CLIENT
        + f"""
def interrupt():
    time.sleep(0.4)
    global sent
    sent = time.monotonic()
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt).start()
try:
    {CALLS[call]}
except KeyboardInterrupt:
    print("took", time.monotonic() - sent)
"""
    )
    done = script(code, TMP=str(tmp_path))
    # The promise is a tenth of a second; a busy machine gets a generous bound.
    assert float(done.stdout.removeprefix("took ")) < 5, done.stdout + done.stderr
    assert not list(tmp_path.glob("*v.mp4*"))


@signals
def test_ctrl_c_cancels_the_job_when_asked(server: ScriptedServer, script: Any) -> None:
    server.job("running")
    server.on("POST /v1/video/jobs/vid_1/cancel", {"ok": True})
    code = (
        CLIENT
        + """
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    client.video.wait("vid_1", cancel_on_abort=True)
except KeyboardInterrupt:
    print("interrupted")
"""
    )
    assert script(code).stdout == "interrupted\n"
    assert server.count("POST /v1/video/jobs/vid_1/cancel") == 1


@signals
def test_a_signal_handler_that_returns_does_not_end_the_call(server: ScriptedServer, script: Any) -> None:
    server.on("GET /v1/account/balance", Reply({"balance_usd": 1}, delay=1))
    code = (
        CLIENT
        + """
handled = []
signal.signal(signal.SIGUSR1, lambda *_: handled.append(1))
threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
print(client.account.balance().balance_usd, handled)
"""
    )
    assert script(code).stdout == "1 [1]\n"


@forks
@pytest.mark.core
def test_children_of_fork_call_with_connections_of_their_own(server: ScriptedServer, script: Any) -> None:
    server.on("*", {"balance_usd": 1})
    code = (
        CLIENT
        + """
client.account.balance()
children = []
for _ in range(4):
    child = os.fork()
    if child == 0:
        for _ in range(20):
            assert client.account.balance().balance_usd == 1
        os._exit(0)
    children.append(child)
for _ in range(20):
    assert client.account.balance().balance_usd == 1
assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
assert client.account.balance().balance_usd == 1
print("fine")
"""
    )
    assert script(code).stdout == "fine\n"


@forks
def test_a_fork_while_threads_are_in_the_middle_of_calls_hangs_nobody(
    server: ScriptedServer, script: Any
) -> None:
    server.on("GET /v1/account/balance", Reply({"balance_usd": 1}, delay=0.005))
    server.job("running")
    code = (
        CLIENT
        + """
stop = False
def calls():
    while not stop:
        client.account.balance()
threads = [threading.Thread(target=calls) for _ in range(6)]
threads.append(threading.Thread(target=lambda: client.video.wait("vid_1", on_update=lambda job: None), daemon=True))
many = client.video.generate_many(["x"])
for thread in threads:
    thread.start()
for _ in range(30):
    child = os.fork()
    if child == 0:
        for _ in range(3):
            assert client.account.balance().balance_usd == 1
        import gc
        gc.collect()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
stop = True
for thread in threads[:-1]:
    thread.join()
print("fine", client.account.balance().balance_usd)
os._exit(0 if not sys.stdout.flush() else 1)
"""
    )
    assert script(code, limit=120).stdout == "fine 1\n"


@forks
@pytest.mark.core
def test_a_fork_while_threads_make_their_first_calls_hangs_no_child(
    server: ScriptedServer, script: Any
) -> None:
    server.on("*", {"balance_usd": 1})
    code = (
        CLIENT
        + """
import logging
sys.setswitchinterval(1e-6)
begin = threading.Barrier(5)
def call():
    begin.wait()
    client.account.balance()
threads = [threading.Thread(target=call) for _ in range(4)]
for thread in threads:
    thread.start()
begin.wait()
children = []
for _ in range(8):
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        assert client.account.balance().balance_usd == 1
        os._exit(0)
    children.append(child)
assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 8
for thread in threads:
    thread.join()
"""
    )
    # What is made at the first call is made once a process: each round is one.
    for _ in range(5):
        script(code, limit=120)


@forks
def test_a_child_that_exits_normally_leaves_the_parents_connections_alone(
    server: ScriptedServer, script: Any
) -> None:
    server.on("*", {"balance_usd": 1})
    code = (
        CLIENT
        + """
client.account.balance()
stream = client.video.watch("vid_1")
if os.fork() == 0:
    del stream, client
    sys.exit(0)
os.wait()
for _ in range(5):
    client.account.balance()
print("fine")
"""
    )
    assert script(code).stdout == "fine\n"


@forks
def test_a_wait_does_not_go_on_in_the_child(server: ScriptedServer, script: Any) -> None:
    server.job("running", "succeeded")
    code = (
        CLIENT
        + """
children = []
def on_update(job):
    if job.state == "running":
        children.append(os.fork())
try:
    client.video.wait("vid_1", on_update=on_update)
except infrai.AbortedError as error:
    assert children == [0] and "parent" in str(error), error
    print("child", client.video.status("vid_1").state, flush=True)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 0
print("parent", flush=True)
"""
    )
    assert sorted(script(code).stdout.splitlines()) == ["child succeeded", "parent"]


@forks
def test_multiprocessing_with_fork_works(server: ScriptedServer, script: Any) -> None:
    server.on("*", {"balance_usd": 1})
    code = (
        CLIENT
        + """
import multiprocessing
def work(number):
    return client.account.balance().balance_usd + number
client.account.balance()
with multiprocessing.get_context("fork").Pool(3) as pool:
    assert pool.map(work, range(30)) == list(range(1, 31))
print("fine")
"""
    )
    assert script(code).stdout == "fine\n"


@forks
def test_an_event_loop_of_a_child_works_after_one_of_the_parent(server: ScriptedServer, script: Any) -> None:
    server.on("*", {"balance_usd": 1})
    code = (
        CLIENT
        + """
import asyncio
awaited = infrai.AsyncInfraiClient(KEY, base_url=URL)
async def main():
    return (await awaited.account.balance()).balance_usd
assert asyncio.run(main()) == 1
child = os.fork()
if child == 0:
    assert asyncio.run(main()) == 1
    os._exit(0)
assert asyncio.run(main()) == 1
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print("fine")
"""
    )
    assert script(code).stdout == "fine\n"


@forks
def test_gunicorn_forks_workers_from_a_master_that_has_called(server: ScriptedServer, tmp_path: Path) -> None:
    pytest.importorskip("gunicorn", reason="gunicorn is not there for this interpreter")
    import urllib.request

    server.on("*", {"balance_usd": 1})
    (tmp_path / "app.py").write_text(
        textwrap.dedent(f"""
        import infrai, os
        client = infrai.InfraiClient({KEY!r}, base_url={server.url!r})
        client.account.balance()

        def app(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [f"{{os.getpid()}} {{client.account.balance().balance_usd}}".encode()]
        """)
    )
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--preload",
        "--workers",
        "3",
        "--threads",
        "2",
        "--bind",
        "127.0.0.1:0",
        "app:app",
    ]
    log = (tmp_path / "log").open("w+")
    process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
    try:
        address = ""
        deadline = time.monotonic() + 30
        while not address and time.monotonic() < deadline:
            time.sleep(0.1)
            said = (tmp_path / "log").read_text()
            address = said.partition("Listening at: ")[2].partition(" ")[0]
        assert address, said
        answers = [urllib.request.urlopen(address, timeout=20).read().decode().split() for _ in range(60)]
        assert {answer[1] for answer in answers} == {"1"}
        assert str(process.pid) not in {answer[0] for answer in answers}
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, (tmp_path / "log").read_text()
        log.close()


def test_a_blocking_call_starts_no_thread(server: ScriptedServer, script: Any) -> None:
    if not os.path.isdir("/proc/self/task"):
        pytest.skip("only Linux counts a process's threads in /proc")
    server.on("*", {"balance_usd": 1, "job_id": "vid_1", "state": "succeeded"})
    code = (
        CLIENT
        + """
count = lambda: len(os.listdir("/proc/self/task"))
before = count()
client.account.balance()
client.video.wait("vid_1")
assert count() == before, (before, count())
list(client.video.watch("vid_1"))
print("streams:", count() - before)
"""
    )
    assert script(code).stdout == "streams: 1\n"
