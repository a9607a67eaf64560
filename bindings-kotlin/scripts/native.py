#!/usr/bin/env python3
"""Builds the native library, puts it where JNA looks in the jar, and generates the Kotlin over it.

    native.py [--profile PROFILE]

The profile is cargo's: dev (default), or release, which is what is published. INFRAI_NATIVE_LIBRARIES names a folder of
libraries for other systems, each in a folder of JNA's name for it, to put beside this machine's.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent
GENERATED = HERE / "target" / "generated-sources" / "uniffi"
NATIVE = HERE / "target" / "native"
CARGO = os.environ.get("CARGO", "cargo")

#: JNA's name of a machine's processor, by Python's.
PROCESSORS = {"x86_64": "x86-64", "amd64": "x86-64", "aarch64": "aarch64", "arm64": "aarch64"}
#: JNA's name of a system and the library's file there, by Python's name of the system.
SYSTEMS = {"linux": ("linux", "libinfrai_ffi.so"), "darwin": ("darwin", "libinfrai_ffi.dylib"), "win32": ("win32", "infrai_ffi.dll")}


def replace(source: Path, target: Path) -> None:
    """Copies a file unless it is there already, so that nothing is compiled anew for the same text."""
    if not target.is_file() or target.read_bytes() != source.read_bytes():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="dev")
    profile = parser.parse_args().profile
    if sys.platform not in SYSTEMS or platform.machine().lower() not in PROCESSORS:
        print(f"the native library is not built for {sys.platform} on {platform.machine()}", file=sys.stderr)
        return 1
    system, library = SYSTEMS[sys.platform]
    # A stripped library has lost what the generator reads: the dev profile's has it.
    programs = subprocess.run([sys.executable, ROOT / "scripts" / "programs"], stdout=subprocess.PIPE, text=True, check=True)
    debug = Path(programs.stdout.strip())
    described = built = debug / library
    if profile != "dev":
        command = [CARGO, "build", "--locked", "--quiet", "--package", "infrai-uniffi", "--profile", profile]
        subprocess.run([sys.executable, ROOT / "scripts" / "release_build.py", *command], cwd=ROOT, check=True)
        built = debug.parent / profile / library
    replace(built, NATIVE / f"{system}-{PROCESSORS[platform.machine().lower()]}" / library)
    if others := os.environ.get("INFRAI_NATIVE_LIBRARIES"):
        for other in sorted(Path(others).glob("*/*infrai_ffi.*")):
            replace(other, NATIVE / other.parent.name / other.name)
    with tempfile.TemporaryDirectory() as folder:
        bindgen = debug / ("infrai-uniffi-bindgen.exe" if system == "win32" else "infrai-uniffi-bindgen")
        command = [str(bindgen), "generate", "--no-format", "--language", "kotlin", "--out-dir", folder, str(described)]
        subprocess.run(command, cwd=ROOT, check=True)
        for source in Path(folder).rglob("*.kt"):
            replace(source, GENERATED / source.relative_to(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
