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
UPWARD = "http.rs imports api.rs, which is not below it"


class Layers(unittest.TestCase):
    def wrong(self, **files: str) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            for name, source in files.items():
                path = Path(folder, *name.split("__")).with_suffix(".rs")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(source, encoding="utf-8")
            return check(Path(folder), LAYERS)

    def circle(self, *files: str) -> str:
        return f"these files import one another in a circle: {', '.join(files)}"

    def test_an_import_of_a_lower_layer_is_right(self) -> None:
        self.assertEqual(self.wrong(api="use crate::{http::{self, Call}, leaf::Leaf};", http="use crate::leaf;", leaf=""), [])

    def test_an_import_of_a_higher_layer_is_wrong(self) -> None:
        self.assertEqual(self.wrong(api="", http="use crate::api;"), [UPWARD])
        self.assertEqual(self.wrong(api="", http="fn f() -> crate::api::X {}"), [UPWARD])

    def test_a_leaf_that_imports_a_layer_is_wrong(self) -> None:
        self.assertEqual(self.wrong(http="", leaf="use super::http::Call;"), ["leaf.rs imports http.rs, which is not below it"])

    def test_a_circle_of_files_is_wrong(self) -> None:
        files = {"http__mod": "mod a; mod b; mod c;", "http__a": "use super::b;", "http__b": "use super::c::C;", "http__c": "use crate::http::a;"}
        self.assertEqual(self.wrong(**files), [self.circle("http/a.rs", "http/b.rs", "http/c.rs")])

    def test_an_import_through_a_reexport_is_one_of_the_declaring_file(self) -> None:
        files = {"http__mod": "mod a;\nmod b;\npub(crate) use self::{a::A, b::B};", "http__a": "use super::B;", "http__b": "use super::A;"}
        self.assertEqual(self.wrong(**files), [self.circle("http/a.rs", "http/b.rs")])
        files["http__b"] = ""
        self.assertEqual(self.wrong(**files), [])

    def test_a_reexport_is_an_import(self) -> None:
        for public in ("pub", "pub(crate)", "pub(in crate::http)"):
            self.assertEqual(self.wrong(api="", http=f"{public} use crate::api::X;"), [UPWARD])
        self.assertEqual(self.wrong(a="pub use crate::b::B;", b="pub(crate) use crate::a::A;"), [self.circle("a.rs", "b.rs")])

    def test_a_reexport_of_a_child_is_no_import(self) -> None:
        files = {"http__mod": "mod a; mod b; pub use self::a::A; pub use b::B;", "http__a": "use super::B;", "http__b": "use super::Declared;"}
        self.assertEqual(self.wrong(**files), [])
        files["http__mod"] += "fn f() -> B {}"
        self.assertEqual(self.wrong(**files), [self.circle("http/b.rs", "http/mod.rs")])

    def test_an_import_through_a_higher_layer_is_wrong(self) -> None:
        wrong = ["leaf.rs imports api.rs, which is not below it"]
        self.assertEqual(self.wrong(api="pub use crate::other::X;", leaf="use crate::api::X;", other=""), wrong)
        self.assertEqual(self.wrong(api="use crate::api as me;", lib="mod api; pub use api::X;", leaf="use crate::X;"), wrong)

    def test_an_item_of_the_root_is_above_all_layers(self) -> None:
        self.assertEqual(self.wrong(lib="fn f() { crate::api::f() }", api="", http="use crate::f;"), ["http.rs imports lib.rs, which is not below it"])

    def test_relative_paths_in_code_are_imports(self) -> None:
        self.assertEqual(self.wrong(api="", http="fn f() { super::api::f() }"), [UPWARD])
        self.assertEqual(self.wrong(api="", http="fn f() { for i in 0..super :: api::N {} }"), [UPWARD])
        files = {"http__mod": "mod a; fn f() { self::a::f() }", "http__a": "fn f() { super::g() }"}
        self.assertEqual(self.wrong(**files), [self.circle("http/a.rs", "http/mod.rs")])
        files["http__mod"] = "mod a; fn f() { a::f() }"
        self.assertEqual(self.wrong(**files), [self.circle("http/a.rs", "http/mod.rs")])

    def test_local_names_of_modules_are_resolved(self) -> None:
        uses = ("use crate::http; fn f() { http::b::f() }", "use crate as c; fn f() { c::http::b::f() }", "use super as s; use s::b::f;",
                "use crate::{http as h}; fn f() { h::b::f() }", "fn f() { use crate::http::{self as h}; h::b::f() }", "use crate::http; pub use http::b::f;",
                "fn f() { use crate::http as h; h::b::f() } fn g() { use crate::leaf as h; h::f() }")
        for use in uses:
            wrong = self.wrong(http__mod="mod a; mod b;", http__a=use, http__b="use super::a;", leaf="")
            self.assertEqual(wrong, [self.circle("http/a.rs", "http/b.rs")], use)

    def test_names_of_other_crates_are_no_imports(self) -> None:
        source = "use api::X; use ::api::Y; use serde::{self, api}; fn f() { api::f(); ::api::f(); x.api::<T>(); serde::f() }"
        self.assertEqual(self.wrong(api="", http=source), [])

    def test_globs_are_refused(self) -> None:
        for use in ("use crate::leaf::*;", "pub use super::leaf::{f, *};", "use crate::*;", "use crate::leaf; use leaf::*;", "pub use self::a::*;"):
            self.assertIn("http/mod.rs: the check cannot follow `", str(self.wrong(http__mod=use, http__a="", leaf="")), use)
        self.assertEqual(self.wrong(http="use serde::prelude::*;\n#[cfg(test)] mod tests { use super::*; }"), [])

    def test_every_form_of_use_is_parsed(self) -> None:
        uses = ("use {serde::X, crate::api};", "use crate::{api};", "fn f() { use crate::{leaf, api::{self, x::Y},}; }", "#[cfg(unix)] use crate::api;",
                "#[rustfmt::skip] pub(crate) use { super::{leaf::{}, api as _} };", "use crate::r#api;", "use crate /* ; */ ::\napi;")
        for use in uses:
            self.assertEqual(self.wrong(api="", http=use, leaf=""), [UPWARD], use)

    def test_what_cannot_be_followed_is_refused(self) -> None:
        sources = ("use crate::api", "use crate::+;", "use crate::{leaf api};", "macro_rules! m { ($x:path) => { use $x; } }", "use crate::{leaf;",
                   "macro_rules! m { ($x:ident) => { crate::leaf::$x() } }", "extern crate self as me;", 'include!("leaf.rs");', "#[macro_use] mod m {}",
                   '#[path = "../leaf.rs"] mod m;', "macro_rules! m { ($x:ident) => { mod $x { } } }")
        for source in sources:
            self.assertIn("http.rs: the check cannot follow ", str(self.wrong(http=source, leaf="")), source)
        self.assertEqual(self.wrong(http="fn f<'a>(x: &'a str) -> impl Sized + use<'a> {}"), [])
        self.assertEqual(self.wrong(http="", http__mod=""), ["http.rs: the check cannot follow a second file of the module in http/mod.rs"])

    def test_super_in_a_module_within_a_file(self) -> None:
        self.assertEqual(self.wrong(api="", http="mod x { use super::super::api; }"), [UPWARD])
        self.assertEqual(self.wrong(api="", http="mod x { mod y { fn f() { super::super::super::api::f() } } }"), [UPWARD])
        self.assertEqual(self.wrong(api="", http="mod x { use super::api; } mod y {} use self::y::f;"), [])
        self.assertEqual(self.wrong(api="", http="mod x {} fn f() { super::api::f() }"), [UPWARD])

    def test_a_module_at_another_path(self) -> None:
        files = {"http__mod": '#[cfg_attr(not(unix), path = "b_fallback.rs")] mod b;', "http__a": "use super::b;", "http__b": ""}
        self.assertEqual(self.wrong(**files, http__b_fallback="use super::a;"), [self.circle("http/a.rs", "http/b_fallback.rs")])

    def test_tests_do_not_count(self) -> None:
        tests = "use crate::api; use super::*; fn f() { if a { crate::api::f() } }"
        for attributes in ("#[cfg(test)]", "#[cfg(all(test, unix))] #[allow(x)] pub(crate)", "#[cfg(any(test, fuzzing))]"):
            self.assertEqual(self.wrong(api="use crate::http;", http=f"{attributes} mod tests {{ {tests} }}"), [])
            self.assertEqual(self.wrong(api="", http=f"{attributes} mod tests {{ {tests} }} fn f() {{ crate::api::f() }}"), [UPWARD])
            self.assertEqual(self.wrong(api="use crate::http;", http=f"{attributes} mod call_tests;", http__call_tests=tests), [])
        self.assertEqual(self.wrong(api="use crate::http;", http='#[cfg(test)] #[path = "http_tests.rs"] mod tests;', http_tests=tests), [])

    def test_only_tests_do_not_count(self) -> None:
        declared = "#[cfg(test)] mod x_tests;"
        attributes = ("", "#[cfg(not(test))]", "#[cfg(any(test, unix))]", '#[doc = "#[cfg(test)]"]', f"{declared} #[cfg(not(test))]",
                      f'{declared} #[path = "x_tests.rs"] mod y;')
        for attribute in attributes:
            wrong = self.wrong(api="", http__mod=attribute if attribute.endswith(";") else f"{attribute} mod x_tests;", http__x_tests="use crate::api;")
            self.assertEqual(wrong, ["http/x_tests.rs imports api.rs, which is not below it"], attribute)
        self.assertEqual(self.wrong(api="", http="#[cfg(test)] use crate::leaf; mod tests { use crate::api; }", leaf=""), [UPWARD])

    def test_comments_and_literals_do_not_count(self) -> None:
        sources = ("// use crate::api;\n", "/* /* */ use crate::api; \n */", '"use crate::api; \\" crate::api::f()"', 'r#" " crate::api::f() "#')
        for source in sources:
            self.assertEqual(self.wrong(api="", http=source), [], source)
        for literal in ('"//"', '"/*"', '"\\\\"', "'\"'", "'\\''", "b'\"'", 'r"\\"', 'r#"//"#', "'a", "'{'", '"{"', '"\n//"', "'\\u{22}'"):
            self.assertEqual(self.wrong(api="", http=f"mod x {{ {literal} }} fn f() {{ {literal}; super::api::f() }} // \""), [UPWARD], literal)

    def test_macro_bodies_count(self) -> None:
        for path in ("crate::api::f()", "$crate::api::f()", "{ use super::api; }"):
            self.assertEqual(self.wrong(api="", http=f"macro_rules! m {{ () => {{ {path} }} }}"), [UPWARD])
        self.assertEqual(self.wrong(api="", http="fn f() { json!({ x: crate::api::f() }) }"), [UPWARD])


if __name__ == "__main__":
    program = unittest.main(exit=False, verbosity=2)
    failed = len(program.result.failures) + len(program.result.errors)
    print(f"{program.result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
