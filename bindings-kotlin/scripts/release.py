#!/usr/bin/env python3
"""Writes what a release of the Kotlin package publishes: the jar for the JVM, and the archive for Android.

    release.py jar OUT [--libraries FOLDER]    the jar, with this machine's library and those in FOLDER
    release.py aar OUT --libraries FOLDER      the AAR, with the libraries in FOLDER, and its POM
    release.py android FOLDER                  builds Android's libraries into FOLDER

Libraries lie as in the finished archive: FOLDER/linux-x86-64/libinfrai_ffi.so for the jar (JNA's names), and
FOLDER/arm64-v8a/libinfrai_ffi.so for the AAR (Android's). The AAR's classes are the jar's.

What is tested: that the jar has the library and works (bindings-kotlin/run-tests), and the AAR's layout and the check of
its libraries (bindings-kotlin/scripts/test_release.py). NOT TESTED, for want of an Android SDK, NDK or device: `android`, that an app takes the AAR, and that it
runs on one. Whoever releases first has to try these.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import struct
import subprocess
import sys
import xml.etree.ElementTree as xml
import zipfile
from pathlib import Path

KOTLIN = Path(__file__).resolve().parent.parent
ROOT = KOTLIN.parent
CARGO = os.environ.get("CARGO", "cargo")
LIBRARY = "libinfrai_ffi.so"
MIN_SDK = 26
#: Android's names of processors that the AAR carries, and whether their devices may have pages of 16 KiB.
ABIS = {"arm64-v8a": True, "x86_64": True, "armeabi-v7a": False}
PAGE = 16 * 1024
MANIFEST = f"""<?xml version="1.0" encoding="utf-8"?>
<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="dev.infrai">
    <uses-sdk android:minSdkVersion="{MIN_SDK}" />
    <uses-permission android:name="android.permission.INTERNET" />
</manifest>
"""
METADATA = "aarFormatVersion=1.0\naarMetadataVersion=1.0\nminCompileSdk=1\nminAndroidGradlePluginVersion=1.0.0\ncoreLibraryDesugaringEnabled=false\n"
#: The same moment in every archive, so that the same content is the same bytes.
MOMENT = (1980, 1, 1, 0, 0, 0)


class Refused(Exception):
    """What stands in the way of a release, and what to do about it."""


def alignment(library: Path) -> int:
    """To how many bytes the least aligned segment is that a loader maps."""
    data = library.read_bytes()
    if data[:4] != b"\x7fELF" or data[5] != 1:
        raise Refused(f"{library} is no little-endian ELF library")
    wide = data[4] == 2
    offset = struct.unpack_from("<Q" if wide else "<I", data, 32 if wide else 28)[0]
    size, count = struct.unpack_from("<HH", data, 54 if wide else 42)
    aligned = []
    for header in range(offset, offset + size * count, size):
        if struct.unpack_from("<I", data, header)[0] == 1:
            aligned.append(struct.unpack_from("<Q" if wide else "<I", data, header + (48 if wide else 28))[0])
    if not aligned:
        raise Refused(f"{library} has nothing to load")
    return min(aligned)


def checked(folder: Path) -> dict[str, Path]:
    """The libraries of the AAR, each one there and aligned as its devices need."""
    found = {abi: folder / abi / LIBRARY for abi in ABIS}
    for abi, library in found.items():
        if not library.is_file():
            raise Refused(f"{library} is missing: build it with release.py android {folder}")
        if ABIS[abi] and alignment(library) < PAGE:
            raise Refused(f"{library} is aligned to {alignment(library)} bytes, and devices with pages of 16 KiB load nothing below {PAGE}")
    return found


def put(archive: zipfile.ZipFile, name: str, content: bytes | str) -> None:
    archive.writestr(zipfile.ZipInfo(name, MOMENT), content, zipfile.ZIP_DEFLATED)


def classes(jar: Path, to: Path) -> None:
    """The jar without the libraries of other systems, which an app would carry for nothing."""
    with zipfile.ZipFile(jar) as whole, zipfile.ZipFile(to, "w") as archive:
        for name in sorted(whole.namelist()):
            if not name.endswith("/") and Path(name).suffix not in {".so", ".dylib", ".dll"}:
                put(archive, name, whole.read(name))


def aar(jar: Path, libraries: dict[str, Path], out: Path) -> None:
    """Writes the archive."""
    inner = out.with_suffix(".classes.jar")
    classes(jar, inner)
    with zipfile.ZipFile(out, "w") as archive:
        put(archive, "AndroidManifest.xml", MANIFEST)
        put(archive, "META-INF/com/android/build/gradle/aar-metadata.properties", METADATA)
        put(archive, "R.txt", "")
        put(archive, "classes.jar", inner.read_bytes())
        # What R8 gets with the library: the consumer rules.
        put(archive, "proguard.txt", (KOTLIN / "src/main/resources/META-INF/proguard/infrai.pro").read_text())
        for abi, library in libraries.items():
            put(archive, f"jni/{abi}/{LIBRARY}", library.read_bytes())
    inner.unlink()


def pom(version: str, versions: dict[str, str]) -> str:
    """The archive's POM: what an app gets with it. On Android, JNA is an archive too, with its own libraries."""
    needed = [
        ("org.jetbrains.kotlin", "kotlin-stdlib", versions["kotlin"], ""),
        ("org.jetbrains.kotlinx", "kotlinx-coroutines-core", versions["coroutines"], ""),
        ("net.java.dev.jna", "jna", versions["jna"], "<type>aar</type>"),
    ]
    dependencies = "\n".join(
        f"    <dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{wanted}</version>{kind}<scope>compile</scope></dependency>"
        for group, name, wanted, kind in needed
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dev.infrai</groupId>
  <artifactId>infrai-android</artifactId>
  <version>{version}</version>
  <packaging>aar</packaging>
{described()}
  <dependencies>
{dependencies}
  </dependencies>
</project>
"""


def described() -> str:
    """What both packages say about themselves, as the jar's POM has it: a repository asks for each of these."""
    text = (KOTLIN / "pom.xml").read_text(encoding="utf-8")
    parts = []
    for name in ("name", "description", "url", "licenses", "developers", "scm"):
        part = re.search(rf"^  <{name}>.*?</{name}>$", text, re.DOTALL | re.MULTILINE)
        if part is None:
            raise Refused(f"bindings-kotlin/pom.xml has no <{name}>")
        parts.append(part.group())
    return "\n".join(parts)


def versions() -> tuple[str, dict[str, str]]:
    """The package's version, and those of what it needs, from the jar's POM."""
    root = xml.parse(KOTLIN / "pom.xml").getroot()
    space = "{http://maven.apache.org/POM/4.0.0}"
    found = {name: root.findtext(f"{space}properties/{space}{name}.version") or "" for name in ("kotlin", "coroutines", "jna")}
    return root.findtext(f"{space}version") or "", found


def package(profile: str, libraries: Path | None) -> Path:
    """Builds the jar."""
    more = {} if libraries is None else {"INFRAI_NATIVE_LIBRARIES": str(libraries.resolve())}
    if profile == "release":
        subprocess.run([sys.executable, str(ROOT / "scripts" / "notices.py"), "bindings-kotlin"], check=True)
    toolchain = str(ROOT / "scripts" / "toolchains" / "kotlin")
    command = [toolchain, "mvn", "--batch-mode", "--no-transfer-progress", "-DskipTests", f"-Dinfrai.profile={profile}", "package"]
    subprocess.run(command, cwd=KOTLIN, env={**os.environ, **more}, check=True)
    return next(jar for jar in (KOTLIN / "target").glob("infrai-*.jar") if "sources" not in jar.name)


def android(folder: Path) -> None:
    """NOT TESTED: needs Android's NDK and cargo-ndk."""
    if shutil.which("cargo-ndk") is None:
        raise Refused("install cargo-ndk and Android's NDK, and the Rust targets of " + ", ".join(ABIS))
    targets = [word for abi in ABIS for word in ("-t", abi)]
    command = [sys.executable, str(ROOT / "scripts" / "release_build.py"), CARGO, "ndk", *targets, "--platform", str(MIN_SDK), "-o", str(folder), "build", "--locked", "--package", "infrai-uniffi", "--profile", "mobile"]
    subprocess.run(command, cwd=ROOT, check=True)
    checked(folder)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["jar", "aar", "android"])
    parser.add_argument("out", type=Path)
    parser.add_argument("--libraries", type=Path)
    given = parser.parse_args()
    try:
        given.out.mkdir(parents=True, exist_ok=True)
        if given.what == "android":
            android(given.out)
            return 0
        if given.what == "aar":
            if given.libraries is None:
                raise Refused("name the folder of Android's libraries with --libraries")
            libraries = checked(given.libraries)
            jar = package("release", None)
            target = given.out / jar.with_suffix(".aar").name.replace("infrai-", "infrai-android-")
            aar(jar, libraries, target)
            target.with_suffix(".pom").write_text(pom(*versions()), encoding="utf-8")
        else:
            jar = package("release", given.libraries)
            target = Path(shutil.copy(jar, given.out))
    except Refused as reason:
        print(reason, file=sys.stderr)
        return 1
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
