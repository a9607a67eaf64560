"""Prints everything that the Python client can show of itself: logs, `repr`, errors in each form, pickles and JSON.

worker.py FOLDER URL KEY
"""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import os
import pickle
import sys
import traceback
from collections.abc import Callable
from typing import Any

logging.basicConfig(level=1, stream=sys.stdout)

import infrai

_, FOLDER, URL, KEY = sys.argv
environment = dict(os.environ)


def show(what: object) -> None:
    print(repr(what), str(what), f"{what}", [what], {"x": what})
    for name in dir(what):
        try:
            value = getattr(what, name)
        except Exception as error:
            value = error
        print(name, repr(value))
    for written in (pickle.dumps, json.dumps, lambda what: repr(copy.deepcopy(what)), lambda what: repr(vars(what))):
        try:
            print(written(what))  # type: ignore[operator]
        except Exception as error:
            print(repr(error))


def told(call: Callable[[], Any]) -> None:
    """Everything about a call's value or error."""
    try:
        show(call())
    except Exception as error:
        show(error)
        # As error reporters do: with the variables of each frame, here and inside of the package.
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        text = "".join(shown.format())
        # This script's own frames hold the key by name, as any caller's do.
        print(text.replace(KEY, "<the caller's own>") if "KEY = " in text and __file__ in text else text)
        logging.exception("as an application logs it")


client = infrai.InfraiClient(KEY, base_url=URL, retry_base=0.001, default_headers={"X-Mine": "1"})
awaited = infrai.AsyncInfraiClient(KEY, base_url=URL, retry_base=0.001)
for one in (client, awaited, client.video, client.account, client.with_options(timeout=5)):
    show(one)
for call in (lambda: pickle.dumps(client), lambda: json.dumps(client), lambda: infrai.InfraiClient().account.balance()):
    told(call)

told(client.account.balance)
told(lambda: client.account.topup(5))
for name in ("redirect", "unauthorized", "html", "cut", "fine", "nonsense"):
    told(lambda name=name: client.video.status(name))
    told(lambda name=name: client.video.wait(name, timeout=0.05))
    told(lambda name=name: asyncio.run(awaited.video.status(name)))
for name in ("quoted", "repeated", "broken"):
    told(lambda name=name: client.video.status(name))


def failing(call: Callable[[], Any]) -> None:
    """Everything about a call's error. Its value is what the server sent, the key included."""
    told(lambda: (call(), None)[1])


for name in ("id", "state", "error", "code", "prefix", "extra", "type", "list", "file", "host", "none"):
    failing(lambda name=name: client.video.wait(f"echo-{name}", timeout=0.05))
    failing(lambda name=name: asyncio.run(awaited.video.wait(f"echo-{name}", timeout=0.05)))
    failing(lambda name=name: client.video.download(f"echo-{name}", os.path.join(FOLDER, name)))
told(lambda: client.video.cancel("fine"))
for name in ("file", "moved", "refused"):
    told(lambda name=name: client.video.download(name, os.path.join(FOLDER, name)))
told(lambda: client.video.generate("a cat"))
told(lambda: list(client.video.generate_many(["one", "two"])))
told(lambda: next(client.video.watch("fine")))
told(lambda: client.request("POST", "/v1/echo", {"own": "text"}, query={"q": 1}))

functional = infrai.InfraiClient(lambda: KEY, base_url=URL, on_request=print, on_response=print)
show(functional)
told(lambda: functional.video.status("unauthorized"))

activation = infrai.InfraiClient(base_url=URL, credentials_file=os.path.join(FOLDER, "credentials"))
made = activation.activate()
# The key itself is handed over by its name, and by JSON and pickles, which keep every field: that is what they are for.
print(repr(made), str(made), f"{made}", [made])
show(activation)
told(activation.account.balance)
os.environ["INFRAI_API_KEY"] = KEY
infrai.configure(base_url=URL)
show(infrai.ai)
told(infrai.account.balance)
del os.environ["INFRAI_API_KEY"]
changed = {name for name in {*os.environ, *environment} if os.environ.get(name) != environment.get(name)}
print("changed in the environment:", sorted(changed))
print("the end")
