"""A release that broke off is taken up where it was, another thing under the same name ends it, and nothing is published out of order.

npm and cargo are played by a program that keeps what was published in a folder.

python3 scripts/release/tests/test_publish.py
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
from release import publish  # noqa: E402
from release.tests import ROOT, run  # noqa: E402
from release.versions import current  # noqa: E402

#: What each program answers; STATE holds a file for each thing that is published, REFUSES names what cannot be.
PLAYER = '''#!/usr/bin/env python3
import base64, hashlib, json, os, pathlib, re, sys, tarfile
state, words, refused = pathlib.Path(os.environ["STATE"]), sys.argv[1:], os.environ.get("REFUSES")
with open(state / "log", "a") as log:
    print(*words, file=log)
if os.environ.get("SILENT"):
    sys.exit("network is unreachable")
option = lambda name: words[words.index(name) + 1]
if words[0] == "view":
    file = state / words[1].replace("/", "+")
    print(json.dumps(file.read_text())) if file.exists() else sys.exit("npm error code E404")
elif words[:1] == ["publish"] and "--tag" in words:
    path = pathlib.Path(words[-1])
    # As npm does: anything else is a repository's name on GitHub.
    path.is_absolute() or sys.exit("fatal: no such repository")
    told = json.load(tarfile.open(path).extractfile("package/package.json"))
    name = f"{told['name']}@{told['version']}"
    name != refused or sys.exit("npm error code E503")
    (state / name.replace("/", "+")).write_text("sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode())
elif words[0] == "package":
    made = pathlib.Path(option("--target-dir")) / "package"
    made.mkdir()
    (made / f"{option('--package')}-VERSION.crate").write_text(os.environ.get("CRATE", option("--package")))
elif words[0] == "publish":
    option("--package") != refused or sys.exit("error: 503")
    (state / option("--package")).write_text(hashlib.sha256(option("--package").encode()).hexdigest())
elif words[0] == "generate-lockfile":
    project = pathlib.Path(option("--manifest-path")).parent
    name = re.search(r'^(.*) = "=VERSION"', (project / "Cargo.toml").read_text(), re.MULTILINE)[1]
    (state / name).exists() or sys.exit(f"error: no matching package named `{name}` found")
    (project / "Cargo.lock").write_text(f'[[package]]\\nname = "{name}"\\nversion = "VERSION"\\nsource = "registry"\\nchecksum = "{(state / name).read_text()}"\\n')
else:
    sys.exit(f"what is {words}?")
'''.replace("VERSION", current())
PLATFORMS = ("darwin-arm64", "linux-x64-gnu", "win32-x64-msvc")


class Playing(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.state, self.packs, programs = (Path(folder.name) / name for name in ("state", "packs", "programs"))
        for made in (self.state, self.packs, programs):
            made.mkdir()
        for name in ("npm", "cargo"):
            (programs / name).write_text(PLAYER, encoding="utf-8")
            (programs / name).chmod(0o755)
        self.environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "CARGO": str(programs / "cargo"), "STATE": str(self.state)}

    def publish(self, *words: object, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "scripts" / "publish"), *map(str, words)]
        # From another folder than the packages': their paths have to hold there too.
        return subprocess.run(command, cwd=self.packs.parent, env={**self.environment, **more}, capture_output=True, text=True, check=False)

    def log(self, word: str) -> list[str]:
        lines = (self.state / "log").read_text(encoding="utf-8").splitlines()
        return [line for line in lines if line.startswith(word)]


class Npm(Playing):
    def setUp(self) -> None:
        super().setUp()
        for name in ("@infrai/sdk", *(f"@infrai/sdk-{platform}" for platform in PLATFORMS)):
            self.pack(name)

    def pack(self, name: str, more: str = "") -> None:
        file = self.packs / f"{name.replace('@', '').replace('/', '-')}-{current()}.tgz"
        body = json.dumps({"name": name, "version": current(), "description": more}).encode()
        with tarfile.open(file, "w:gz") as archive:
            member = tarfile.TarInfo("package/package.json")
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))

    def test_the_platforms_go_before_the_package_that_depends_on_them(self) -> None:
        done = self.publish("npm", "packs", "next")
        self.assertEqual(done.returncode, 0, done.stderr)
        published = self.log("publish")
        self.assertEqual(len(published), 4)
        self.assertTrue(published[-1].endswith(f"infrai-sdk-{current()}.tgz"))
        self.assertTrue(all("--provenance --tag next" in line for line in published))

    def test_what_broke_off_is_taken_up_where_it_was(self) -> None:
        broken = self.publish("npm", "packs", "latest", REFUSES=f"@infrai/sdk-linux-x64-gnu@{current()}")
        self.assertEqual(broken.returncode, 1)
        self.assertIn("E503", broken.stderr)
        done = self.publish("npm", "packs", "latest")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"@infrai/sdk-darwin-arm64@{current()}: is there already", done.stdout)
        # Once each, but for the one that was refused.
        self.assertEqual(len(self.log("publish")), 5)
        self.assertEqual(self.publish("npm", "packs", "latest").returncode, 0)
        self.assertEqual(len(self.log("publish")), 5)

    def test_another_one_of_that_name_ends_it(self) -> None:
        self.assertEqual(self.publish("npm", "packs", "latest").returncode, 0)
        self.pack("@infrai/sdk-linux-x64-gnu", "changed")
        done = self.publish("npm", "packs", "latest")
        self.assertEqual(done.returncode, 1)
        self.assertIn("release the next one", done.stderr)
        self.assertEqual(len(self.log("publish")), 4)

    def test_where_the_registry_does_not_answer_nothing_is_published(self) -> None:
        done = self.publish("npm", "packs", "latest", SILENT="1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("does not say whether", done.stderr)
        self.assertEqual(self.log("publish"), [])

    def test_a_folder_without_the_platforms_is_refused(self) -> None:
        for file in self.packs.glob("infrai-sdk-[a-z]*"):
            file.unlink()
        self.assertIn("one for each platform", self.publish("npm", "packs", "latest").stderr)

    def test_a_tarball_says_itself_what_it_is(self) -> None:
        self.assertEqual(publish.identity(self.packs / f"infrai-sdk-win32-x64-msvc-{current()}.tgz"), ("@infrai/sdk-win32-x64-msvc", current()))


class Crates(Playing):
    def setUp(self) -> None:
        super().setUp()
        for name in publish.CRATES:
            (self.packs / f"{name}-{current()}.crate").write_text(name, encoding="utf-8")

    def test_each_goes_after_those_that_it_depends_on_and_unbuilt(self) -> None:
        done = self.publish("crates", "packs")
        self.assertEqual(done.returncode, 0, done.stderr)
        published = self.log("publish")
        self.assertEqual([line.split("--package ")[1].split()[0] for line in published], list(publish.CRATES))
        self.assertTrue(all("--no-verify" in line for line in published + self.log("package")))

    def test_what_broke_off_is_taken_up_where_it_was(self) -> None:
        self.assertEqual(self.publish("crates", "packs", REFUSES="infrai-sandbox").returncode, 1)
        self.assertEqual(self.publish("crates", "packs").returncode, 0)
        self.assertEqual(len(self.log("publish")), 5)

    def test_another_one_of_that_name_ends_it(self) -> None:
        (self.state / "infrai").write_text(hashlib.sha256(b"another").hexdigest(), encoding="utf-8")
        self.assertIn("release the next one", self.publish("crates", "packs").stderr)
        self.assertEqual(self.log("publish"), [])

    def test_where_one_is_missing_none_is_published(self) -> None:
        (self.packs / f"infrai-cli-{current()}.crate").unlink()
        self.assertEqual(self.publish("crates", "packs").returncode, 1)
        self.assertFalse((self.state / "log").exists())

    def test_what_would_not_be_the_crate_that_was_tried_is_not_published(self) -> None:
        self.assertIn("not the crate that was tried", self.publish("crates", "packs", CRATE="changed").stderr)
        self.assertEqual(self.log("publish"), [])

    def test_where_the_registry_does_not_answer_nothing_is_published(self) -> None:
        self.assertIn("does not say whether", self.publish("crates", "packs", SILENT="1").stderr)
        self.assertEqual(self.log("publish"), [])


class Words(Playing):
    def test_other_words_are_refused(self) -> None:
        for words in ((), ("npm", "packs"), ("npm", "packs", "newest"), ("crates",), ("pypi", "packs")):
            with self.subTest(words):
                self.assertEqual(self.publish(*words).returncode, 2)


if __name__ == "__main__":
    run()
