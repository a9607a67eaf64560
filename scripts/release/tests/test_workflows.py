"""Every workflow is pinned, has least rights and an end, and names nothing that is not there.

python3 scripts/release/tests/test_workflows.py
"""

from __future__ import annotations

import re
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
from release import workflows  # noqa: E402
from release.tests import ROOT, run  # noqa: E402

SOUND = """name: Sound
on:
  push:
permissions:
  contents: read
concurrency:
  group: x
jobs:
  one:
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with:
          persist-credentials: false
      - run: echo ${{ matrix.x }}
      - run: |
          echo
          echo ${{ needs.x.outputs.y }}
  two:
    uses: ./.github/workflows/other.yml
"""


class Rules(unittest.TestCase):
    def test_every_workflow_keeps_them(self) -> None:
        self.assertEqual(workflows.all_faults(ROOT), [])

    def test_a_sound_one_has_no_faults(self) -> None:
        self.assertEqual(workflows.faults("x.yml", SOUND), [])

    def test_each_breach_is_found(self) -> None:
        for old, new, told in (
            ("permissions:\n  contents: read\n", "", "permissions"),
            ("  contents: read\n", "  contents: read\n  packages: write\n", "permissions"),
            ("concurrency:\n  group: x\n", "", "concurrency"),
            ("    timeout-minutes: 5\n", "", "timeout-minutes"),
            ("@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0", "@v5", "pin actions/checkout@v5"),
            (" # v5.0.0", "", "pin actions/checkout@08"),
            ("          persist-credentials: false\n", "          fetch-depth: 0\n", "keeps a token"),
            ("    timeout-minutes: 5\n", "    timeout-minutes: 5\n    permissions:\n      packages: write\n", "more than anything"),
            ("  push:\n", "  pull_request_target:\n", "pull_request_target"),
            ("echo ${{ matrix.x }}", "echo ${{ github.event.pull_request.title }}", "in a script"),
            ("echo ${{ needs.x.outputs.y }}", "echo ${{ inputs.tag }}", "in a script"),
            ("jobs:\n", "works:\n", "no jobs"),
            ("    timeout-minutes: 5\n", "    timeout-minutes: 5\n    environment: npm\n", "started by hand"),
            ("echo ${{ matrix.x }}", "npm publish ./x.tgz", "publishes itself"),
            ("    steps:\n", "    permissions:\n      id-token: write\n    steps:\n      - run: cargo build\n", "code of the dependencies"),
            ("    steps:\n", "    permissions: {id-token: write}  # why\n    steps:\n      - run: make test\n", "code of the dependencies"),
        ):
            with self.subTest(told=told, new=new):
                changed = SOUND.replace(old, new, 1)
                self.assertNotEqual(changed, SOUND)
                self.assertTrue(any(told in fault for fault in workflows.faults("x.yml", changed)), workflows.faults("x.yml", changed))

    def test_the_files_that_they_run_and_copy_are_there(self) -> None:
        named = set()
        for file in (ROOT / ".github" / "workflows").glob("*.yml"):
            named |= set(re.findall(r"(?<![\w./-])((?:scripts|bindings-[a-z]+|\.ci)/[\w./-]*[\w])", file.read_text(encoding="utf-8")))
        made = {name for name in named if re.search(r"/(?:dist|build|target)(?:/|$)|/THIRD-PARTY-LICENSES", name)}
        self.assertEqual(sorted(name for name in named - made if not (ROOT / name).exists()), [])
        self.assertGreater(len(named), 5)


if __name__ == "__main__":
    run()
