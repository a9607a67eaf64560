"""Runs a program in a process of its own, with signals at given moments, and tells how it ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import packages

#: Seconds after which a process hangs. Far more than any takes on a busy machine.
HANGS = 120
#: What no process may print, however it ends.
CRASHES = ("panicked", "Fatal Python error", "FATAL ERROR", "Segmentation fault", "core dumped", "double free", "corrupted")


@dataclass
class Ended:
    """How a process ended: its exit code, or minus the signal; what it printed."""

    code: int
    out: str
    err: str

    def told(self) -> str:
        return f"ended with {self.code}\nprinted: {self.out[-1500:]}\n{self.err[-3000:]}"


def run(
    command: Sequence[str],
    *,
    signals: Iterable[tuple[float, int]] = (),
    after: str = "",
    **environment: str,
) -> Ended:
    """Runs a command to its end. The signals are sent so many seconds after it printed `after`, each after the one before.

    Fails on a process that hangs or crashes.
    """
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command,
            env=packages.environment(home, **environment),
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        out = ""
        try:
            if after:
                for line in process.stdout:
                    out += line
                    if line.strip() == after:
                        break
            for pause, number in signals:
                time.sleep(pause)
                process.send_signal(number)
            rest, _ = process.communicate(timeout=HANGS)
            out += rest
        except subprocess.TimeoutExpired:
            stacks = _native_stacks(process.pid)
            os.killpg(process.pid, signal.SIGABRT)
            process.wait()
            errors.seek(0)
            told = f"printed: {out}\n{errors.read()[-6000:]}\n{stacks}"
            raise AssertionError(f"still running after {HANGS} s\n{told}") from None
        finally:
            _end_group(process)
        errors.seek(0)
        ended = Ended(process.returncode, out, errors.read())
    for crash in CRASHES:
        assert crash not in ended.err + ended.out, f"{crash!r}: {ended.told()}"
    assert ended.code not in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL), ended.told()
    return ended


def _native_stacks(group: int) -> str:
    """Where the processes of a group stand, where a debugger is there to ask: what Python cannot see of a hang."""
    if shutil.which("gdb") is None:
        return "No gdb is on the PATH: where the native code stands is not known."
    told = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            if os.getpgid(int(folder.name)) != group:
                continue
            command = ["gdb", "-p", folder.name, "-batch", "-ex", "thread apply all backtrace 30"]
            stacks = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
            told.append(f"process {folder.name}:\n{stacks.stdout[-8000:]}")
    return "\n".join(told)


def _end_group(process: subprocess.Popen[str]) -> None:
    """Ends what a process that has ended left running: a check that fails leaves nobody behind."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
