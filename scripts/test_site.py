#!/usr/bin/env python3
"""Tests the documentation: the site builds without a broken link, asks no other host for anything, is as complete in
Chinese as in English, and the shell examples do what they say. Ends with "N passed, N failed".
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from html.parser import HTMLParser
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "site"))
import build  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SITE = ROOT / "target" / "site"
EXAMPLES = ROOT / "examples" / "shell"
#: What is written in English alone: it changes with the code (docs/decisions/0012-documentation.md).
ENGLISH_ONLY = {"changelog.md", "examples.md", "releasing.md", "reliability.md", "threat-model.md"}


def pages() -> list[Path]:
    found = [path for path in DOCS.glob("*.md") if not path.name.endswith(".zh.md")]
    return sorted(path for path in found if path.name not in ENGLISH_ONLY)


Section = dict[str, list[str]]


def sections(text: str) -> list[Section]:
    """What two languages of a page share, per section: its level, snippets, tabs, lists, pictures, links and the shape of its tables."""
    snippets: list[str] = []

    def kept(found: re.Match[str]) -> str:
        snippets.append(found[0])
        return f"<snippet {len(snippets) - 1}>"

    prose = re.sub(r"^```[^\n]*\n.*?^```$", kept, text, flags=re.MULTILINE | re.DOTALL)
    found: list[Section] = []
    for part in re.split(r"^(?=#+ )", prose, flags=re.MULTILINE)[1:]:
        rows = re.findall(r"^\|.*\|$", part, re.MULTILINE)
        found.append({
            "level": [part.split(" ")[0]],
            # A comment behind a command is translated.
            "snippets": [re.sub(r" +# .*", "", snippets[int(number)]) for number in re.findall(r"<snippet (\d+)>", part)],
            "tabs": [label.replace("命令行", "Command") for label in re.findall(r"^\*\*(\w+)\*\*$", part, re.MULTILINE)],
            "tables": [str(len(re.findall(r"(?<!\\)\|", row))) for row in rows],
            "lists": re.findall(r"^ *(-|\d+\.) ", part, re.MULTILINE),
            "pictures": re.findall(r"!\[[^\]]*\]\(([^)]+)\)", part),
            "links": sorted(link.replace(".zh.md", ".md") for link in re.findall(r"(?<!!)\[[^\]]*\]\(([^)#\s]+)", part)),
            "marks": re.findall(r"^<!-- (?!english: ).* -->$", part, re.MULTILINE),
        })
    return found


class Fetched(HTMLParser):
    """What a browser asks for by itself when it shows a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        loads = tag in ("script", "img", "iframe", "source", "video", "audio", "embed")
        if loads and given.get("src"):
            self.addresses.append(str(given["src"]))
        if tag == "link" and given.get("rel") not in ("canonical", "alternate", "prev", "next"):
            self.addresses.append(str(given.get("href")))


class Site(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        done = build.build()
        if done.returncode != 0:
            raise AssertionError(f"the site does not build:\n{done.stdout}")

    def test_a_broken_link_is_a_failure(self) -> None:
        def ends(folder: Path, text: str) -> int:
            (folder / "docs").mkdir()
            for name in ("index.md", "index.zh.md"):
                (folder / "docs" / name).write_text(f"# A page\n\n{text}\n", encoding="utf-8")
            # JSON is YAML.
            own = {"INHERIT": str(ROOT / "mkdocs.yml"), "docs_dir": "docs", "site_dir": "site", "nav": ["index.md"], "hooks": [str(ROOT / "scripts/site/hooks.py")]}
            (folder / "mkdocs.yml").write_text(json.dumps(own), encoding="utf-8")
            return build.build(folder / "mkdocs.yml").returncode

        for text, broken in (("[itself](index.md)", False), ("[a page](none.md)", True), ("[a part](#none)", True), ("[a file](../none.md)", True)):
            with self.subTest(text=text), tempfile.TemporaryDirectory() as folder:
                self.assertEqual(ends(Path(folder), text) != 0, broken)

    def test_every_page_is_there_in_both_languages(self) -> None:
        for page in pages():
            for place in (SITE / page.with_suffix(".html").name, SITE / "zh" / page.with_suffix(".html").name):
                self.assertTrue(place.is_file(), place)

    def test_labels_on_github_are_tabs_on_the_site(self) -> None:
        for path in sorted(DOCS.glob("*.md")):
            markdown = path.read_text(encoding="utf-8")
            self.assertNotRegex(markdown, r"(?m)^///", path)
            place = SITE / ("zh" if path.name.endswith(".zh.md") else "") / f"{path.name.split('.')[0]}.html"
            shown = "".join(re.findall(r'<div class="tabbed-labels">(.*?)</div>', place.read_text(encoding="utf-8"), re.DOTALL))
            labels = re.findall(r"^\*\*(Python|Node|Rust|Swift|Kotlin|Command|命令行)\*\*$", markdown, re.MULTILINE)
            self.assertEqual(re.findall(r"<label[^>]*>([^<]*)</label>", shown), labels, path)

    def test_each_navigation_names_a_page_once(self) -> None:
        for page in (SITE / "index.html", SITE / "zh" / "index.html"):
            nav = re.search(r'<nav class="md-nav md-nav--primary.*?</nav>\s*</div>', page.read_text(encoding="utf-8"), re.DOTALL)
            assert nav is not None
            targets = re.findall(r'<a href="([^"#]+)" class="md-nav__link', nav[0])
            self.assertGreater(len(targets), 30)
            self.assertEqual(sorted(set(targets)), sorted(targets), page)

    def test_english_pages_among_chinese_ones_say_so(self) -> None:
        for page in (SITE / "zh").rglob("*.html"):
            source = DOCS / page.relative_to(SITE / "zh").with_suffix(".zh.md")
            self.assertEqual("本页只有英文" in page.read_text(encoding="utf-8"), not source.is_file(), page)

    def test_the_references_have_each_public_name(self) -> None:
        python = (SITE / "reference" / "python.html").read_text(encoding="utf-8")
        exported = (ROOT / "bindings-python/python/infrai/__init__.py").read_text(encoding="utf-8")
        names = re.findall(r"^    from \.\w+ import \w+ as ([A-Z]\w+)$", exported, re.MULTILINE)
        self.assertGreater(len(names), 40)
        for name in names:
            self.assertIn(f'id="infrai.{name}"', python)
        for name in ("InfraiClient", "InfraiError", "PaymentRequiredError"):
            self.assertTrue((SITE / "reference" / "node" / "classes" / f"index.{name}.html").is_file(), name)
        for folder in (".", "zh"):
            page = (SITE / folder / "reference" / "languages.html").read_text(encoding="utf-8")
            (target,) = re.findall(r'href="([./]+reference/node/index\.html)"', page)
            self.assertTrue((SITE / folder / "reference" / target).resolve().is_file(), target)

    def test_errors_link_to_their_entries(self) -> None:
        source = (ROOT / "core/src/error.rs").read_text(encoding="utf-8")
        (address,) = re.findall(r'^const ERROR_CODES_URL: &str = "([^"]+)";', source, re.MULTILINE)
        (site,) = re.findall(r"^site_url: (\S+)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
        self.assertEqual(address, f"{site}error-codes.html")
        for folder in (SITE, SITE / "zh"):
            page = (folder / "error-codes.html").read_text(encoding="utf-8")
            codes = re.findall(r"^### ([A-Z0-9_]+)$", (DOCS / "error-codes.md").read_text(encoding="utf-8"), re.MULTILINE)
            self.assertEqual([code for code in codes if f'id="{code.lower()}"' not in page], [], folder)

    def test_a_page_that_is_not_found_speaks_both_languages(self) -> None:
        missing = (SITE / "404.html").read_text(encoding="utf-8")
        for words in ('<html lang="en"', "Not found", "页面不存在"):
            self.assertIn(words, missing)
        self.assertNotIn("None", (SITE / "sitemap.xml").read_text(encoding="utf-8"))

    def test_each_language_can_be_searched_by_its_words(self) -> None:
        indexes = [json.loads((SITE / folder / "search" / "search_index.json").read_text(encoding="utf-8")) for folder in (".", "zh")]
        english, chinese = (" ".join(entry["text"] + entry["title"] for entry in index["docs"]) for index in indexes)
        self.assertGreater(english.count("idempotency"), 0)
        self.assertEqual(english.count("幂"), 0)
        # Words are kept apart by spaces of no width, which the browser splits at; the field's own words stay whole.
        self.assertGreater(chinese.count("\u200b幂等键\u200b"), 0)
        self.assertIn("\\u200b", indexes[1]["config"]["separator"])
        # What the browser takes to be the folder of the index.
        for page, base in (("index.html", "."), ("zh/index.html", "."), ("zh/decisions/README.html", ".."), ("zh/decisions/0006-tls.html", "..")):
            if (SITE / page).is_file():
                self.assertEqual((SITE / page).read_text(encoding="utf-8").count(f'"base": "{base}"'), 1, page)

    def test_every_page_is_there_as_markdown(self) -> None:
        sources = [path for path in DOCS.rglob("*.md") if not path.name.endswith(".zh.md")]
        for folder in (SITE, SITE / "zh"):
            for source in sources:
                place = folder / source.relative_to(DOCS)
                with self.subTest(page=place.relative_to(SITE)):
                    text = place.read_text(encoding="utf-8")
                    self.assertRegex(text, r"\A# ")
                    self.assertNotRegex(re.sub(r"(?s)```.*?```", "", text), r"///|<!--|\]\([^)]*\.zh\.md")
                    for target in re.findall(r"\]\(([^)#\s]+)", text):
                        if not re.match(r"[a-z]+:", target):
                            self.assertTrue((place.parent / target).is_file(), target)
        self.assertIn("幂等", (SITE / "zh" / "retries.md").read_text(encoding="utf-8"))

    def test_the_list_for_language_models_names_every_page(self) -> None:
        listed = (SITE / "llms.txt").read_text(encoding="utf-8")
        self.assertRegex(listed, r"\A# Infrai video\n\n> [^\n]+\n\n")
        self.assertEqual(re.findall(r"^## (.+)$", listed, re.MULTILINE), ["Guide", "Reference", "Optional"])
        (site,) = re.findall(r"^site_url: (\S+)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
        entries = re.findall(rf"^- \[.+\]\({site}(\S+)\)(?:: .+)?$", listed, re.MULTILINE)
        self.assertEqual(sorted(entries), sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.md") if "zh" not in path.relative_to(SITE).parts))
        self.assertLess(len(listed), 12_000)
        whole = (SITE / "llms-full.txt").read_text(encoding="utf-8")
        for entry in entries:
            self.assertEqual(whole.count((SITE / entry).read_text(encoding="utf-8").strip()), 1, entry)

    def test_nothing_is_fetched_from_another_host(self) -> None:
        for page in SITE.rglob("*.html"):
            parser = Fetched()
            parser.feed(page.read_text(encoding="utf-8"))
            # Generated references have pages that only lead to others.
            self.assertTrue(parser.addresses or "reference" in page.parts, page)
            foreign = [address for address in parser.addresses if re.match(r"(?:[a-z]+:)?//", address)]
            self.assertEqual(foreign, [], page)
            # The theme's script asks for a repository's figures where this stands.
            self.assertNotIn('data-md-component="source"', page.read_text(encoding="utf-8"))
        for sheet in SITE.rglob("*.css"):
            foreign = re.findall(r"(?:url\(|@import )[\"']?(?:https?:)?//[^)]*", sheet.read_text(encoding="utf-8"))
            self.assertEqual(foreign, [], sheet)


class Languages(unittest.TestCase):
    def test_the_chinese_pages_have_the_outline_of_the_english_ones(self) -> None:
        for page in [*pages(), ROOT / "README.md"]:
            chinese = page.with_name(f"{page.stem}.zh.md")
            with self.subTest(page=page.name):
                self.assertTrue(chinese.is_file(), f"{chinese.name} is missing")
                there, here = (sections(path.read_text(encoding="utf-8")) for path in (page, chinese))
                self.assertEqual([part["level"] for part in here], [part["level"] for part in there], f"{chinese.name}: other headings")
                for number, (english, translated) in enumerate(zip(there, here), 1):
                    for what in english:
                        self.assertEqual(translated[what], english[what], f"{chinese.name}, section {number}: other {what}")

    def test_the_chinese_readme_says_what_the_english_one_does(self) -> None:
        def facts(name: str) -> list[list[list[str]]]:
            """Per section the code, versions and links, and per paragraph, list item or row whether it is there."""
            prose = re.sub(r"^```.*?^```$", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
            parts = re.split(r"^(?=#+ )", prose, flags=re.MULTILINE)[1:]
            return [[sorted(re.findall(r"`[^`]+`", part)), sorted(re.findall(r"\d+(?:\.\d+)*", re.sub(r"`[^`]+`|\]\([^)]*\)", "", part))), [str(len(re.findall(r"^\S", part, re.MULTILINE)))]] for part in parts]

        for number, (english, chinese) in enumerate(zip(facts("README.md"), facts("README.zh.md"), strict=True), 1):
            self.assertEqual(chinese, english, f"README.zh.md, section {number}: other code, numbers or paragraphs")

    def test_the_chinese_pages_are_chinese(self) -> None:
        for page in DOCS.glob("*.zh.md"):
            prose = re.sub(r"^```.*?^```|`[^`\n]*`|^<!--.*-->$|\]\([^)]*\)", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
            for line in prose.splitlines():
                # Four English words in a row are a sentence that was left over.
                found = re.search(r"(?:\b[a-z]{2,} ){4,}", line)
                self.assertIsNone(found, f"{page.name}: {line}")

    def test_chinese_pages_link_to_chinese_pages(self) -> None:
        for page in [*DOCS.glob("*.zh.md"), ROOT / "README.zh.md"]:
            for link in re.findall(r"\]\(([^)#\s:]+)\.md[)#]", page.read_text(encoding="utf-8")):
                # Each language of the README links to the other.
                if not link.endswith(".zh") and page.parent / link != ROOT / "README":
                    self.assertFalse((page.parent / f"{link}.zh.md").is_file(), f"{page.name}: {link}.md")

    def test_no_chinese_page_is_without_an_english_one(self) -> None:
        for page in DOCS.rglob("*.zh.md"):
            self.assertTrue(page.with_name(page.name.replace(".zh.md", ".md")).is_file(), page)


class Skill(unittest.TestCase):
    def test_the_skill_has_the_form_that_agents_load(self) -> None:
        for folder in (ROOT / "skills").iterdir():
            text = (folder / "SKILL.md").read_text(encoding="utf-8")
            front = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
            assert front is not None
            fields = dict(line.split(": ", 1) for line in front[1].splitlines())
            self.assertEqual(fields["name"], folder.name)
            self.assertRegex(fields["name"], r"^[a-z0-9]+(-[a-z0-9]+)*$")
            self.assertLessEqual(len(fields["description"]), 1024)
            self.assertLessEqual(set(fields), {"name", "description", "license", "compatibility", "metadata", "allowed-tools"})
            # The whole skill stays in an agent's context.
            self.assertLess(text.count("\n"), 500)
            self.assertLess(len(text), 12_000)


class Codes(unittest.TestCase):
    def test_every_error_code_has_an_entry(self) -> None:
        listed = subprocess.run(["git", "ls-files", "-z", "core/src/*.rs", "cli/src/*.rs", "bindings-*/*.rs"], cwd=ROOT, check=True, capture_output=True).stdout
        codes: set[str] = set()
        for name in filter(None, listed.decode().split("\0")):
            if re.search(r"test|fuzzing|build\.rs", name) or not (ROOT / name).is_file():
                continue
            source = re.split(r"#\[cfg\(test\)\]\s*mod", (ROOT / name).read_text(encoding="utf-8"))[0]
            codes |= set(re.findall(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"', source))
            # One word may be a method or a placeholder: a code has a kind or a message beside it.
            codes |= set(re.findall(r'(?:ErrorKind::\w+,|\()\s*"([A-Z]{5,})",', source))
            codes |= set(re.findall(r'"([A-Z]{5,})"', source)) if name.endswith("wire/codes.rs") else set()
        variables = re.compile(r"(INFRAI|CARGO|CURL|SSL|XDG|NODE|NO|HTTPS?|ALL|REQUESTS?)_")
        codes = {code for code in codes if not variables.match(code)}
        self.assertGreater(len(codes), 45)
        for page in (DOCS / "error-codes.md", DOCS / "error-codes.zh.md"):
            entries = re.findall(r"^### ([A-Z0-9_]+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
            self.assertEqual(sorted(set(entries) - {"HTTP_STATUS"}), sorted(codes), page)
            self.assertEqual(len(entries), len(set(entries)), page)


class Decisions(unittest.TestCase):
    def test_every_record_has_a_date_and_a_status(self) -> None:
        index = (DOCS / "decisions" / "README.md").read_text(encoding="utf-8")
        rows = re.findall(r"^\| \[(ADR (\d+): .+)\]\((\S+)\) \| (\S+) \| (.+) \|$", index, re.MULTILINE)
        records = sorted(path.name for path in (DOCS / "decisions").glob("*.md") if path.name != "README.md")
        self.assertEqual([name for _, _, name, _, _ in rows], records)
        for place, (title, number, name, date, status) in enumerate(rows, 1):
            with self.subTest(record=name):
                self.assertEqual((int(number), name[:5]), (place, f"{place:04}-"))
                opening = rf"# {re.escape(title)}\n\nDate: {date}\. Status: {re.escape(status.split(';')[0])}[.;]"
                self.assertRegex(date, r"^\d{4}-\d{2}-\d{2}$")
                self.assertRegex(status, r"^(accepted|superseded by ADR \d+)(;|$)")
                self.assertRegex((DOCS / "decisions" / name).read_text(encoding="utf-8"), rf"\A{opening}")


class Shell(unittest.TestCase):
    """The examples of the command, each in a folder and with an account of its own."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.programs = subprocess.run([ROOT / "scripts" / "programs"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("INFRAI_", "XDG_"))}
        self.environment = {**kept, "HOME": folder.name, "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}"}

    def sandbox(self, *words: str) -> subprocess.Popen[str]:
        command = ["infrai", "sandbox", *words]
        process = subprocess.Popen(command, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        # The sandbox ends with its standard input.
        self.addCleanup(process.communicate)
        return process

    def run_example(self, name: str, *, key: bool = False) -> str:
        if "INFRAI_BASE_URL" not in self.environment:
            process = self.sandbox("--json", "--temporary", "--exit-with-parent")
            assert process.stdout is not None
            self.environment["INFRAI_BASE_URL"] = json.loads(process.stdout.readline())["url"]
        if name != "first.sh":
            made = subprocess.run(["infrai", "activate"], env=self.environment, capture_output=True, text=True, check=False)
            self.assertEqual(made.returncode, 0, made.stderr)
        if key:
            stored = (self.home / ".infrai" / "credentials").read_text(encoding="utf-8")
            self.environment["INFRAI_API_KEY"] = re.search(r'api_key = "([^"]+)"', stored)[1]  # type: ignore[index]
        done = subprocess.run(
            ["sh", "-eu", str(EXAMPLES / name)], cwd=self.home, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False
        )
        self.assertEqual(done.returncode, 0, f"{name}\n{done.stdout}\n{done.stderr}")
        return done.stdout + done.stderr

    def videos(self, *names: str) -> None:
        for name in names:
            self.assertEqual((self.home / name).read_bytes()[4:8], b"ftyp", name)

    def test_the_first_call_makes_a_video_on_the_sandbox_and_on_the_api(self) -> None:
        said = self.run_example("first.sh")
        self.assertEqual(said.count("Saved "), 2)
        self.videos("boat.mp4")

    def test_the_examples_of_the_command_do_what_they_say(self) -> None:
        said = self.run_example("command.sh")
        self.videos("skyline.mp4", "poem.mp4", "kite.mp4", "boat.mp4")
        self.assertIn("invalid `prompt`: expected", said)
        self.assertEqual(said.count('"prompt": "a kite"'), 3)
        # Generated twice with one key, it is one job.
        jobs = re.findall(r"Saved \S+boat\.mp4 \([^)]*job (vid_\w+)", said)
        self.assertEqual(len(jobs), 2)
        self.assertEqual(len(set(jobs)), 1)

    @unittest.skipUnless(shutil.which("curl"), "curl is not there")
    def test_bare_http_and_the_command_that_replaces_it_make_the_same(self) -> None:
        self.run_example("raw.sh", key=True)
        self.videos("boat.mp4")
        (self.home / "boat.mp4").unlink()
        self.run_example("migrated.sh")
        self.videos("boat.mp4")

    def test_the_sandbox_serves_until_it_is_stopped(self) -> None:
        lines = [line for line in (EXAMPLES / "serve.sh").read_text(encoding="utf-8").splitlines() if line.startswith("infrai sandbox")]
        self.assertEqual(len(lines), 3)
        for number, line in enumerate(lines):
            with self.subTest(line=line):
                # The port may be another program's, and the folder is one process's.
                command = re.sub(r"--port \d+", "--port 0", line)
                self.environment["INFRAI_SANDBOX_DIR"] = str(self.home / str(number))
                words = ["sh", "-c", f"exec {command}"]
                process = subprocess.Popen(words, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                assert process.stdout is not None
                self.assertIn("http://127.0.0.1:", "".join(next(process.stdout) for _ in range(1 if "--json" in line else 2)))
                process.terminate()
                process.communicate(timeout=60)
                self.assertEqual(process.returncode, 0)

    def test_the_mcp_server_serves_until_it_is_stopped(self) -> None:
        (line,) = [line for line in (EXAMPLES / "mcp.sh").read_text(encoding="utf-8").splitlines() if line.startswith("infrai ")]
        words = ["sh", "-c", "exec " + re.sub(r":\d+", ":0", line)]
        with subprocess.Popen(words, cwd=self.home, env=self.environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            self.assertIn("MCP server at http://127.0.0.1:", next(said for said in process.stderr if "http" in said))
            process.terminate()
            process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0)


class Paths(unittest.TestCase):
    def test_every_file_that_a_document_names_is_there(self) -> None:
        folders = {path.name for path in ROOT.iterdir() if path.is_dir()}
        # `sandbox/slow` is a model.
        ends = r"(?:(?:\.\w+|/)?`|(?:\.\w+|/)[\s;,])"
        named = re.compile(rf"`((?:{'|'.join(sorted(map(re.escape, folders - {'target', 'demo', '.cache'})))})/[\w./-]*?){ends}")
        found = 0
        packages = [ROOT / name for name in subprocess.run(["git", "ls-files", "*/README.md"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()]
        for document in (*ROOT.glob("*.md"), *DOCS.glob("*.md"), *DOCS.glob("decisions/*.md"), *packages):
            for match in named.finditer(document.read_text(encoding="utf-8")):
                path = match[0].strip("`;, \n")
                # `make bench` writes the results; what git ignores is made when it is needed.
                made = subprocess.run(["git", "check-ignore", "-q", path.split()[0]], cwd=ROOT, check=False).returncode == 0
                if path != "benches/RESULTS.md" and not made and not re.fullmatch(r"sandbox/\w+", path):
                    self.assertTrue((ROOT / path.split()[0]).exists(), f"{document.name} names {path}")
                found += 1
        self.assertGreater(found, 50)

    def test_every_test_that_the_threat_model_names_is_there(self) -> None:
        listed = subprocess.run(["git", "ls-files", "-z", "*.rs"], cwd=ROOT, check=True, capture_output=True).stdout
        sources = "".join((ROOT / name).read_text(encoding="utf-8") for name in listed.decode().split("\0") if name and (ROOT / name).is_file())
        named = re.findall(r" \*(\w{8,})(…?)\*", (DOCS / "threat-model.md").read_text(encoding="utf-8"))
        self.assertGreater(len(named), 15)
        for name, more in named:
            self.assertRegex(sources, rf"\bfn {name}" + ("" if more else r"\("))


class Picture(unittest.TestCase):
    def test_the_recording_of_the_command_moves_is_light_and_loads_nothing(self) -> None:
        picture = (DOCS / "images" / "command.svg").read_text(encoding="utf-8")
        self.assertLess(len(picture.encode()), 300_000)
        self.assertIn("@keyframes", picture)
        self.assertIn("prefers-color-scheme", picture)
        self.assertNotRegex(picture, r"<script|<foreignObject|href=.(?!#)|url\((?!#)|@import")

    def test_the_frame_of_a_video_is_light(self) -> None:
        self.assertLess((DOCS / "images" / "skyline.jpg").stat().st_size, 60_000)

    def test_every_picture_says_what_it_shows(self) -> None:
        for picture in (DOCS / "images").glob("*.svg"):
            self.assertRegex(picture.read_text(encoding="utf-8"), r'<svg[^>]* role="img"[^>]* aria-label="[^"]+"', picture)


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=2).result
    bad = len(result.failures) + len(result.errors)
    good = result.testsRun - bad - len(result.skipped)
    print(f"{max(good, 0)} passed, {bad} failed")
    sys.exit(1 if bad or good < 1 else 0)
