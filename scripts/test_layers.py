#!/usr/bin/env python3
"""Tests of check_layers.py, on small crates."""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from check_layers import check

LAYERS = [{"api"}, {"http"}]


class Layers(unittest.TestCase):
    def wrong(self, **files: str) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            for name, source in files.items():
                path = Path(folder, *name.split("__")).with_suffix(".rs")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(source, encoding="utf-8")
            return check(Path(folder), LAYERS)

    def test_an_import_of_a_lower_layer_is_right(self) -> None:
        self.assertEqual(self.wrong(api="use crate::{http::{self, Call}, leaf::Leaf};", http="use crate::leaf;", leaf=""), [])

    def test_an_import_of_a_higher_layer_is_wrong(self) -> None:
        wrong = ["http.rs imports api.rs, which is not below it"]
        self.assertEqual(self.wrong(api="", http="use crate::api;"), wrong)
        self.assertEqual(self.wrong(api="", http="fn f() -> crate::api::X {}"), wrong)

    def test_a_leaf_that_imports_a_layer_is_wrong(self) -> None:
        self.assertEqual(self.wrong(http="", leaf="use super::http::Call;"), ["leaf.rs imports http.rs, which is not below it"])

    def test_a_circle_of_files_is_wrong(self) -> None:
        files = {"http__mod": "mod a; mod b; mod c;", "http__a": "use super::b;", "http__b": "use super::c::C;", "http__c": "use crate::http::a;"}
        wrong = ["these files import one another in a circle: http/a.rs, http/b.rs, http/c.rs"]
        self.assertEqual(self.wrong(**files), wrong)

    def test_a_reexport_is_an_import_of_the_declaring_file(self) -> None:
        files = {"http__mod": "mod a;\nmod b;\npub(crate) use self::{a::A, b::B};", "http__a": "use super::B;", "http__b": "use super::A;"}
        self.assertEqual(len(self.wrong(**files)), 1)
        files["http__b"] = ""
        self.assertEqual(self.wrong(**files), [])

    def test_tests_and_comments_do_not_count(self) -> None:
        source = "// use crate::api;\n#[cfg(test)]\nmod tests {\n    use crate::api;\n}\n"
        self.assertEqual(self.wrong(api="use crate::http;", http=source, http__call_tests="use crate::api;"), [])

    def test_only_the_seam_uses_the_asynchronous_runtime(self) -> None:
        source = "use tokio::{sync::Notify, task::JoinSet};\nfn f() { tokio::time::sleep(x); tokio::task_local!(); }"
        wrong = ["http.rs uses tokio::task::JoinSet, which only runtime.rs may", "http.rs uses tokio::time, which only runtime.rs may"]
        self.assertEqual(self.wrong(http=source, runtime=source), wrong)


if __name__ == "__main__":
    program = unittest.main(exit=False, verbosity=2)
    failed = len(program.result.failures) + len(program.result.errors)
    print(f"{program.result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
