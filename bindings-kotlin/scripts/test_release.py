"""Tests of the release script: the Android archive's layout, and the check of what goes into it."""

from __future__ import annotations

import struct
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import release  # noqa: E402


def elf(wide: bool, *alignments: int) -> bytes:
    """A library of these segments, and one that is not loaded and aligned to 4 bytes."""
    head = bytearray(b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(57))
    start, size = (64, 56) if wide else (52, 32)
    struct.pack_into("<Q" if wide else "<I", head, 32 if wide else 28, start)
    struct.pack_into("<HH", head, 54 if wide else 42, size, len(alignments) + 1)
    segments = b""
    for kind, aligned in [(1, each) for each in alignments] + [(4, 4)]:
        segment = bytearray(size)
        struct.pack_into("<I", segment, 0, kind)
        struct.pack_into("<Q" if wide else "<I", segment, 48 if wide else 28, aligned)
        segments += segment
    return bytes(head[:start]) + segments


class Release(unittest.TestCase):
    def setUp(self) -> None:
        kept = tempfile.TemporaryDirectory()
        self.addCleanup(kept.cleanup)
        self.folder = Path(kept.name)

    def libraries(self, **content: bytes) -> Path:
        whole = {"arm64-v8a": elf(True, 0x4000, 0x4000), "x86_64": elf(True, 0x10000), "armeabi-v7a": elf(False, 0x1000)}
        for abi, data in {**whole, **{name.replace("__", "-"): data for name, data in content.items()}}.items():
            place = self.folder / "libraries" / abi / release.LIBRARY
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        return self.folder / "libraries"

    def test_a_library_that_devices_with_large_pages_cannot_load_is_refused(self) -> None:
        with self.assertRaisesRegex(release.Refused, "x86_64.* aligned to 4096 bytes"):
            release.checked(self.libraries(x86_64=elf(True, 0x4000, 0x1000)))

    def test_a_library_that_is_missing_or_none_is_refused(self) -> None:
        folder = self.libraries()
        (folder / "arm64-v8a" / release.LIBRARY).unlink()
        with self.assertRaisesRegex(release.Refused, "is missing"):
            release.checked(folder)
        with self.assertRaisesRegex(release.Refused, "no little-endian ELF"):
            release.checked(self.libraries(**{"arm64__v8a": b"MZ" + bytes(200)}))

    def test_the_archive_has_what_an_app_needs_and_no_library_of_another_system(self) -> None:
        jar, out = self.folder / "infrai.jar", self.folder / "infrai.aar"
        with zipfile.ZipFile(jar, "w") as archive:
            for name in ("dev/infrai/InfraiClient.class", "linux-x86-64/libinfrai_ffi.so", "META-INF/proguard/infrai.pro"):
                archive.writestr(name, name)
        release.aar(jar, release.checked(self.libraries()), out)
        with zipfile.ZipFile(out) as archive:
            names = archive.namelist()
            rules = archive.read("proguard.txt").decode()
            manifest = archive.read("AndroidManifest.xml").decode()
            with archive.open("classes.jar") as inner, zipfile.ZipFile(inner) as classes:
                self.assertEqual(classes.namelist(), ["META-INF/proguard/infrai.pro", "dev/infrai/InfraiClient.class"])
        self.assertEqual([name for name in names if name.startswith("jni/")], [f"jni/{abi}/{release.LIBRARY}" for abi in release.ABIS])
        self.assertIn("-keep class com.sun.jna.**", rules)
        self.assertRegex(rules, "-keepattributes .*RuntimeVisibleAnnotations.*Signature")
        self.assertIn("android.permission.INTERNET", manifest)
        self.assertEqual(sorted(path.name for path in self.folder.glob("*.jar")), ["infrai.jar"], "nothing is left lying about")

    def test_the_archive_s_pom_brings_what_an_app_needs(self) -> None:
        version, needed = release.versions()
        self.assertTrue(version and all(needed.values()), (version, needed))
        root = xml.fromstring(release.pom(version, needed))
        space = "{http://maven.apache.org/POM/4.0.0}"
        self.assertEqual([root.findtext(space + name) for name in ("artifactId", "version", "packaging")], ["infrai-android", version, "aar"])
        found = {each.findtext(space + "artifactId"): each for each in root.iter(space + "dependency")}
        self.assertEqual(set(found), {"kotlin-stdlib", "kotlinx-coroutines-core", "jna"})
        self.assertEqual((found["jna"].findtext(space + "type"), found["jna"].findtext(space + "version")), ("aar", needed["jna"]))
        # What Maven Central asks of every POM.
        for path in ("name", "description", "url", "licenses/license/name", "developers/developer/name", "scm/url"):
            self.assertTrue(root.findtext("/".join(space + part for part in path.split("/"))), path)


if __name__ == "__main__":
    unittest.main()
