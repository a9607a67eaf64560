"""Loop of a worker, which answers each line of its input with one line. `benches/README.md` describes the lines."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

#: A well-formed key. The server does not check it.
KEY = "ifr_pk_proj_bench_0000000000000000"
#: The job of every call.
ID = "video_0190b3c45d6e7f809a1b2c3d4e5f6071"

Command = dict[str, Any]


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


def serve(open_: Callable[[], Callable[[Command], Command]]) -> None:
    """Opens a client, reports it, and runs the command of each line. An error is an answer too."""
    try:
        answer = open_()
    except BaseException as error:
        traceback.print_exc()
        say(failed=f"{type(error).__name__}: {error}")
        return
    say(ready=True)
    for line in sys.stdin:
        try:
            result = answer(json.loads(line))
        except BaseException as error:
            traceback.print_exc()
            result = {"failed": f"{type(error).__name__}: {error}"}
        say(**result)


def right(id: object, state: object, expected: str) -> None:
    """Raises unless an answer is the server's."""
    if id != ID or state != expected:
        raise ValueError(f"a wrong answer: {id!r}, {state!r}")
