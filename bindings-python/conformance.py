#!/usr/bin/env python3
"""Plays the conformance scenarios with the Python package, blocking and awaited, and says how many kept their promise.

usage: conformance.py --server PROGRAM [--only sync|async] [WORDS]

Plays the scenarios whose names contain the words, or all. PROGRAM is the scripted server.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import partial
from typing import Any

import infrai
from infrai import webhooks

LANGUAGE = "python"
AT_ONCE = 16
# Set for the process that makes the calls: its environment is the scenario's alone.
CLEAN = "INFRAI_CONFORMANCE_CLEAN"
KEPT = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "SystemRoot", "TEMP", "TMP", "VIRTUAL_ENV")


class Abandoned(BaseException):
    """The runner abandons a call."""


class Server:
    """The scripted server, for as long as this lives: it ends when its standard input closes."""

    def __init__(self, program: str) -> None:
        self.child = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.child.stdout is not None
        self.address = self.child.stdout.readline().strip().removeprefix("http://")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection(self.address, timeout=120)
        data = b"" if body is None else json.dumps(body).encode()
        connection.request(method, path, data, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {text.decode(errors='replace')}")
        return json.loads(text)


def decode(value: Any) -> Any:
    """The arguments with what JSON cannot write."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if isinstance(value, dict):
        if set(value) == {"$integer"}:
            return int(value["$integer"])
        if set(value) == {"$number"}:
            return float(value["$number"])
        if set(value) == {"$utf16"}:
            units = b"".join(unit.to_bytes(2, "little") for unit in value["$utf16"])
            return units.decode("utf-16-le", "surrogatepass")
        return {name: decode(member) for name, member in value.items()}
    return value


def settings(given: dict[str, Any] | None) -> dict[str, Any]:
    """A scenario's client settings as keywords."""
    settings = dict(given or {})
    key = settings.get("api_key")
    if isinstance(key, dict) and "$context" in key:
        settings["api_key"] = lambda: CONTEXT.get().text
    elif isinstance(key, dict):
        keys = list(key["$function"])
        settings["api_key"] = lambda: keys.pop(0) if len(keys) > 1 else keys[0]
    if settings.pop("on_request", False):
        settings["on_request"] = lambda event: CONTEXT.get().hooks.append(event["path"])
    return settings


class Context:
    """A call's context: its text, and the paths that the hook recorded in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.hooks: list[str] = []


CONTEXT: ContextVar[Context] = ContextVar("CONTEXT")


def as_error(error: infrai.InfraiError) -> dict[str, Any]:
    names = (
        "kind code message hint docs_url status request_id retryable retry_after attempts idempotency_key "
        "may_have_been_processed details checkout_url job"
    )
    fields = {name: getattr(error, name) for name in names.split()}
    return {name: value for name, value in fields.items() if value is not None}


def item(result: infrai.GenerateManyItem | infrai.AsyncGenerateManyItem, args: dict[str, Any]) -> list[Any]:
    index, outcome = result
    shown = {"error": as_error(outcome)} if isinstance(outcome, infrai.InfraiError) else outcome
    return [index, shown, result.key] if "checkpoint" in args else [index, shown]


def waited(args: dict[str, Any]) -> list[Any] | None:
    """Where a wait's updates go, if they are asked for."""
    if not args.pop("on_update", False):
        return None
    updates: list[Any] = []
    args["on_update"] = updates.append
    return updates


def updated(job: Any, updates: list[Any] | None) -> dict[str, Any]:
    return {"value": job} if updates is None else {"value": job, "updates": updates}


def download_of(args: dict[str, Any], jobs: list[Any]) -> tuple[Any, dict[str, Any]]:
    earlier = args.pop("from_call", None)
    job = args.pop("id", None)
    return (job if earlier is None or jobs[earlier] is None else jobs[earlier]), args


def response(answer: infrai.ApiResponse) -> dict[str, Any]:
    return {"value": answer.data, "metadata": answer.metadata, "status": answer.status}


def call_args(name: str, args: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The method of the client by its neutral name, and its keywords."""
    group, _, method = name.rpartition(".")
    return (lambda client: getattr(getattr(client, group) if group else client, method)), args


def webhook_call(name: str, args: dict[str, Any]) -> dict[str, Any]:
    """Makes a call of the module `webhooks`, which is the same for both clients."""
    if name == "webhooks.verify":
        body = base64.b64decode(args["body_base64"]) if "body_base64" in args else args["body"]
        event = webhooks.verify(body, args.get("header"), args["secret"])
        assert event.get("job") is None or isinstance(event.job, infrai.VideoJob)
        return {"value": event}
    seen = webhooks.SeenEvents(args.get("capacity"), args.get("ttl"))
    done = [(step, getattr(seen, step)(id)) for step, id in args["steps"]]
    return {"value": [added for step, added in done if step == "add"]}


def sync_call(
    client: infrai.InfraiClient, name: str, args: dict[str, Any], jobs: list[Any]
) -> dict[str, Any]:
    if name.startswith("webhooks."):
        return webhook_call(name, args)
    if name == "video.watch":
        states: list[Any] = []
        try:
            states.extend(client.video.watch(**args))
        except infrai.InfraiError as error:
            return {"value": states, "error": as_error(error)}
        return {"value": states}
    if name == "video.generate_many":
        found = [item(result, args) for result in client.video.generate_many(args.pop("items"), **args)]
        return {"value": sorted(found, key=lambda pair: pair[0])}
    if name == "video.download":
        job, args = download_of(args, jobs)
        saved = client.video.download(job, **args)
        return {"value": {"path": os.fspath(saved), "bytes": saved.bytes}}
    if name == "video.wait":
        updates = waited(args)
        if (earlier := args.pop("from_call", None)) is not None:
            args["id"] = json.loads(json.dumps(jobs[earlier]))
        return updated(client.video.wait(**args), updates)
    if name == "client.spent_usd":
        return {"value": client.spent_usd}
    method, args = call_args(name, args)
    value = method(client)(**args)
    return response(value) if name == "request" else {"value": value}


async def async_call(
    client: infrai.AsyncInfraiClient, name: str, args: dict[str, Any], jobs: list[Any]
) -> dict[str, Any]:
    if name.startswith("webhooks."):
        return webhook_call(name, args)
    if name == "video.watch":
        states: list[Any] = []
        try:
            async for state in client.video.watch(**args):
                states.append(state)
        except infrai.InfraiError as error:
            return {"value": states, "error": as_error(error)}
        return {"value": states}
    if name == "video.generate_many":
        many = client.video.generate_many(args.pop("items"), **args)
        found = [item(result, args) async for result in many]
        return {"value": sorted(found, key=lambda pair: pair[0])}
    if name == "video.download":
        job, args = download_of(args, jobs)
        saved = await client.video.download(job, **args)
        return {"value": {"path": os.fspath(saved), "bytes": saved.bytes}}
    if name == "video.wait":
        updates = waited(args)
        if (earlier := args.pop("from_call", None)) is not None:
            args["id"] = json.loads(json.dumps(jobs[earlier]))
        return updated(await client.video.wait(**args), updates)
    if name == "client.spent_usd":
        return {"value": client.spent_usd}
    method, args = call_args(name, args)
    value = await method(client)(**args)
    return response(value) if name == "request" else {"value": value}


def prepared(call: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    return call["call"], decode(call.get("args") or {}), call.get("options") or {}


def failed(error: infrai.InfraiError, constructor: bool) -> dict[str, Any]:
    fields = as_error(error)
    return {"error": {**fields, "from_constructor": True} if constructor else fields}


def in_context(call: dict[str, Any]) -> Context:
    """Sets the context of this thread or task until its next call."""
    context = Context(call.get("context") or "")
    CONTEXT.set(context)
    return context


def with_hooks(outcome: dict[str, Any], call: dict[str, Any], context: Context) -> dict[str, Any]:
    return {**outcome, "hooks": context.hooks} if call.get("context") else outcome


def sync_outcome(make: Any, call: dict[str, Any], jobs: list[Any]) -> dict[str, Any]:
    context = in_context(call)
    return with_hooks(sync_outcome_here(make, call, jobs), call, context)


def sync_outcome_here(make: Any, call: dict[str, Any], jobs: list[Any]) -> dict[str, Any]:
    name, args, options = prepared(call)
    time.sleep(call.get("after") or 0)
    abandon = call.get("abort_after")
    client = None
    if abandon is not None:
        # A signal ends a blocking call, as Ctrl-C does.
        def abandoned(*_: object) -> None:
            raise Abandoned

        signal.signal(signal.SIGALRM, abandoned)
        signal.setitimer(signal.ITIMER_REAL, abandon)
    try:
        client = make()
        return sync_call(client.with_options(**options) if options else client, name, args, jobs)
    except infrai.InfraiError as error:
        return failed(error, client is None)
    except Abandoned:
        return {"error": {"kind": "aborted"}}


async def async_outcome(make: Any, call: dict[str, Any], jobs: list[Any]) -> dict[str, Any]:
    context = in_context(call)
    return with_hooks(await async_outcome_here(make, call, jobs), call, context)


async def async_outcome_here(make: Any, call: dict[str, Any], jobs: list[Any]) -> dict[str, Any]:
    name, args, options = prepared(call)
    await asyncio.sleep(call.get("after") or 0)
    client = None
    try:
        client = make()
        client = client.with_options(**options) if options else client
        return await asyncio.wait_for(async_call(client, name, args, jobs), call.get("abort_after"))
    except infrai.InfraiError as error:
        return failed(error, client is None)
    except asyncio.TimeoutError:
        return {"error": {"kind": "aborted"}}


def once(make: Any) -> Any:
    """A client that is made at its first use, once; its error is the call's."""
    made: list[Any] = []
    lock = threading.Lock()

    def client() -> Any:
        with lock:
            if not made:
                try:
                    made.append(make())
                except infrai.InfraiError as error:
                    made.append(error)
        if isinstance(made[0], infrai.InfraiError):
            raise made[0]
        return made[0]

    return client


def steps(start: dict[str, Any]) -> Any:
    for step in start["calls"]:
        together = step.get("together") or [step]
        yield together, any(call.get("new_client") for call in together)


def job_of(outcome: dict[str, Any]) -> Any:
    value = outcome.get("value")
    return value if isinstance(value, dict) and "job_id" in value else None


def play_sync(start: dict[str, Any]) -> list[Any]:
    outcomes: list[Any] = []
    jobs: list[Any] = []

    def play() -> None:
        make = lambda: infrai.InfraiClient(**settings(start.get("client")))  # noqa: E731
        client = once(make)
        for together, anew in steps(start):
            if anew:
                client = once(make)
            # Signals reach the main thread alone: a call that is abandoned is made there.
            here = next((call for call in together if call.get("abort_after") is not None), together[0])
            with ThreadPoolExecutor(len(together)) as pool:
                others = [
                    None if call is here else pool.submit(sync_outcome, client, call, list(jobs))
                    for call in together
                ]
                own = sync_outcome(client, here, list(jobs))
                made = [own if other is None else other.result() for other in others]
            outcomes.extend(made)
            jobs.extend(map(job_of, made))

    if abandons(start):
        play()
        return outcomes
    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    thread.join(start["limit"])
    if thread.is_alive():
        message = f"no outcome within {start['limit']} s"
        return [*outcomes, {"error": {"kind": "hung", "message": message}}]
    return outcomes


def play_async(start: dict[str, Any]) -> list[Any]:
    outcomes: list[Any] = []
    jobs: list[Any] = []

    async def play() -> None:
        make = lambda: infrai.AsyncInfraiClient(**settings(start.get("client")))  # noqa: E731
        client = once(make)
        for together, anew in steps(start):
            if anew:
                client = once(make)
            made = await asyncio.gather(*(async_outcome(client, call, list(jobs)) for call in together))
            outcomes.extend(made)
            jobs.extend(map(job_of, made))

    async def limited() -> None:
        try:
            await asyncio.wait_for(play(), start["limit"])
        except asyncio.TimeoutError:
            message = f"no outcome within {start['limit']} s"
            outcomes.append({"error": {"kind": "hung", "message": message}})

    asyncio.run(limited())
    return outcomes


PLAYERS = {"sync": play_sync, "async": play_async}


def abandons(start: dict[str, Any]) -> bool:
    return any(call.get("abort_after") is not None for together, _ in steps(start) for call in together)


def elsewhere(start: dict[str, Any], mode: str) -> list[Any]:
    """Plays a scenario in a process of its own, which has the environment that the scenario asks for."""
    child = subprocess.run(
        [sys.executable, os.path.abspath(__file__), "--play-one", mode],
        input=json.dumps(start),
        capture_output=True,
        text=True,
        env={**os.environ, **(start.get("env") or {})},
        timeout=start["limit"] + 30,
        check=False,
    )
    if child.returncode != 0:
        raise RuntimeError(f"the process for it ended with {child.returncode}: {child.stderr}")
    return json.loads(child.stdout)


def played(server: Server, scenario: dict[str, Any], mode: str) -> str | None:
    """What differs from what the scenario promises; nothing if it holds."""
    try:
        start = server.ask("POST", f"{scenario['path']}/start")
        if scenario.get("own_process") or (mode == "sync" and abandons(start)):
            outcomes = elsewhere(start, mode)
        else:
            outcomes = PLAYERS[mode](start)
        report = {"language": LANGUAGE, "outcomes": outcomes}
        verdict = server.ask("POST", f"{scenario['path']}/finish", report)
        return None if verdict["pass"] else str(verdict.get("difference"))
    except Exception as error:
        return f"  {type(error).__name__}: {error}"


def run(program: str, modes: list[str], words: str) -> int:
    failures = 0
    for mode in modes:
        server = Server(program)
        chosen = [s for s in server.ask("GET", "/scenarios")["scenarios"] if words in s["name"]]
        exempt = [s for s in chosen if LANGUAGE in (s.get("exempt") or {})]
        for scenario in exempt:
            print(f"EXEMPT {scenario['name']}: {scenario['exempt'][LANGUAGE]}")
        due = [scenario for scenario in chosen if scenario not in exempt]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            differences = list(pool.map(partial(played, server, mode=mode), due))
        server.child.stdin.close()  # type: ignore[union-attr]
        server.child.wait(30)
        bad = [(scenario, text) for scenario, text in zip(due, differences, strict=True) if text is not None]
        for scenario, text in bad:
            print(f"FAILED {scenario['name']}\n{text}")
        exempted = f", {len(exempt)} exempt" if exempt else ""
        print(f"python {mode}: {len(due) - len(bad)} passed, {len(bad)} failed{exempted}", flush=True)
        failures += len(bad) + (not due)
    return 1 if failures else 0


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--play-one"]:
        print(json.dumps(PLAYERS[arguments[1]](json.load(sys.stdin))))
        return 0
    if CLEAN not in os.environ:
        with tempfile.TemporaryDirectory() as home:
            kept = {name: os.environ[name] for name in KEPT if name in os.environ}
            environment = {**kept, "HOME": home, "USERPROFILE": home, CLEAN: "1"}
            command = [sys.executable, os.path.abspath(__file__), *arguments]
            return subprocess.run(command, env=environment, check=False).returncode
    modes = ["sync", "async"]
    program = ""
    while arguments and arguments[0].startswith("--"):
        option, value, *arguments = arguments
        if option == "--server":
            program = value
        elif option == "--only":
            modes = [value]
    if not program:
        print(__doc__)
        return 2
    return run(program, modes, " ".join(arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
