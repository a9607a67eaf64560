"""A worker's side of the benchmarks: answers each line of its input with a line. `benches/README.md` describes the lines."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

#: What a key has to look like; the server asks nobody for one.
KEY = "ifr_pk_proj_bench_0000000000000000"
#: The job that is asked about.
ID = "video_0190b3c45d6e7f809a1b2c3d4e5f6071"

Command = dict[str, Any]


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


def serve(open_: Callable[[], Callable[[Command], Command]]) -> None:
    """Opens a client, says so, and does what each line says; what goes wrong is an answer too."""
    try:
        answer = open_()
    except BaseException as error:
        traceback.print_exc()
        say(failed=f"{type(error).__name__}: {error}")
        return
    say(ready=True)
    for line in sys.stdin:
        try:
            told = answer(json.loads(line))
        except BaseException as error:
            traceback.print_exc()
            told = {"failed": f"{type(error).__name__}: {error}"}
        say(**told)


def right(id: object, state: object, expected: str) -> None:
    """An answer that is not the server's is no call."""
    if id != ID or state != expected:
        raise ValueError(f"a wrong answer: {id!r}, {state!r}")
