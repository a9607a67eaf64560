"""Against the sandbox: the spec's examples word for word, every snippet of the README, the examples, the notebook."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import infrai
import infrai.testing
import pytest
from conftest import HERE, needs_sandbox
from infrai.testing import Sandbox, find_command

pytestmark = needs_sandbox
ROOT = HERE.parent.parent
Run = Callable[..., "subprocess.CompletedProcess[str]"]

# The reference's examples, as they stand there.
ONE_TIME_AUTH = 'python -c "from infrai import infra; infra.activate()"'
GENERATE = """\
from infrai import ai

job = ai.video.generate("a timelapse of a city skyline at dusk",
                        resolution="1080p", prefer="balanced")
print("job:", job.get("job_id"), "| state:", job.get("state"))
"""
STATUS = """\
from infrai import ai

job = ai.video.status(id="vid_...")
print("state:", job.get("state"), "| url:", job.get("video_url"))
"""
CANCEL = """\
from infrai import ai

print("cancelled:", ai.video.cancel(id="vid_...").get("ok"))
"""


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path) -> Run:
    """Runs Python in a process of its own whose environment names the sandbox and nothing else."""
    folder = tmp_path / "work"
    folder.mkdir()
    environment = {**os.environ, "INFRAI_BASE_URL": sandbox.url, "PYTHONDONTWRITEBYTECODE": "1"}

    def run(*arguments: str, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env={**environment, **more},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done

    return run


def activated(run: Run) -> None:
    code = re.fullmatch(r'python -c "(.*)"', ONE_TIME_AUTH)
    assert code is not None
    run("-c", code[1])


def test_the_references_examples_run_word_for_word(run: Run) -> None:
    activated(run)
    made = re.fullmatch(r"job: (\S+) \| state: (\w+)\n", run("-c", GENERATE).stdout)
    assert made is not None
    # The placeholder is no job's id: the API says so, by the same lines.
    for example in (STATUS, CANCEL):
        refused = run("-c", example, check=False)
        assert refused.returncode == 1
        assert "NotFoundError" in refused.stderr
    said = run("-c", STATUS.replace("vid_...", made[1])).stdout
    assert re.fullmatch(r"state: (queued|running|succeeded) \| url: \S+\n", said), said
    said = run("-c", CANCEL.replace("vid_...", made[1])).stdout
    assert said in ("cancelled: True\n", "cancelled: False\n")


def snippets() -> list[str]:
    text = (HERE.parent / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(snippets())))
def test_every_snippet_of_the_readme_runs(run: Run, number: int) -> None:
    activated(run)
    run("-c", snippets()[number], INFRAI_CLI=find_command())


def test_the_readmes_fixture_makes_a_test_pass(run: Run, tmp_path: Path) -> None:
    snippet = next(code for code in snippets() if "infrai_sandbox" in code)
    (tmp_path / "work" / "test_boat.py").write_text(snippet, encoding="utf-8")
    said = run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_boat.py", INFRAI_CLI=find_command()
    ).stdout
    assert "1 passed" in said


def test_the_quickstart_makes_a_video(run: Run, tmp_path: Path) -> None:
    example = str(ROOT / "examples" / "python" / "quickstart.py")
    said = run(example, "a paper boat", "boat.mp4").stdout
    video = (tmp_path / "work" / "boat.mp4").read_bytes()
    assert video[4:8] == b"ftyp"
    assert f"{len(video)} bytes" in said


def test_the_main_readmes_snippet_makes_a_video(run: Run, tmp_path: Path) -> None:
    run(str(ROOT / "examples" / "python" / "readme.py"))
    assert (tmp_path / "work" / "boat.mp4").read_bytes()[4:8] == b"ftyp"


def test_the_guides_snippets_do_what_they_say(run: Run, tmp_path: Path) -> None:
    run(str(ROOT / "examples" / "python" / "guide.py"))
    for name in ("skyline.mp4", "boat.mp4", "kite-0.mp4", "kite-1.mp4"):
        assert (tmp_path / "work" / name).read_bytes()[4:8] == b"ftyp", name


def test_each_call_has_an_example_that_runs(run: Run, tmp_path: Path) -> None:
    run(str(ROOT / "examples" / "python" / "calls.py"), INFRAI_CLI=find_command())
    for name in ("kite.mp4", "copy.mp4"):
        assert (tmp_path / "work" / name).read_bytes()[4:8] == b"ftyp", name


def test_each_group_of_error_codes_has_a_handler(run: Run) -> None:
    said = run(str(ROOT / "examples" / "python" / "error_codes.py"), INFRAI_CLI=find_command()).stdout
    codes = [
        "INSUFFICIENT_CREDIT",
        "KEY_REVOKED",
        "VENDOR_DOWN",
        "INVALID_ARGUMENT",
        "JOB_FAILED",
        "REDIRECT",
        "INSECURE_HTTP",
    ]
    assert re.findall(r"^([A-Z_]+) ", said, re.MULTILINE) == codes


def test_the_skills_snippets_do_what_they_say(run: Run, tmp_path: Path) -> None:
    said = run(str(ROOT / "examples" / "python" / "skill.py")).stdout
    assert re.search(r"left; pay at http://127\.0\.0\.1", said)
    assert (tmp_path / "work" / "order-17.mp4").read_bytes()[4:8] == b"ftyp"


def test_the_guides_tests_pass(run: Run) -> None:
    example = str(ROOT / "examples" / "python" / "test_video.py")
    said = run("-m", "pytest", "-q", "-p", "no:cacheprovider", example, INFRAI_CLI=find_command()).stdout
    assert "4 passed" in said and "warning" not in said


def test_bare_http_and_what_replaces_it_make_the_same(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    for example in ("raw.py", "migrated.py"):
        run(str(ROOT / "examples" / "python" / example), INFRAI_API_KEY=sandbox.api_key)
        video = tmp_path / "work" / "boat.mp4"
        assert video.read_bytes()[4:8] == b"ftyp"
        video.unlink()


def test_a_batch_run_again_pays_nothing_twice(run: Run, tmp_path: Path) -> None:
    activated(run)
    (tmp_path / "work" / "prompts.txt").write_text("a red kite\n\na blue kite\n", encoding="utf-8")
    example = str(ROOT / "examples" / "python" / "batch.py")
    balance = "from infrai import account; print(account.balance().balance_usd)"
    assert "2 of 2 made" in run(example, "prompts.txt", "videos").stdout
    after_first = run("-c", balance).stdout
    assert "2 of 2 made" in run(example, "prompts.txt", "videos").stdout
    assert run("-c", balance).stdout == after_first
    assert sorted(file.name for file in (tmp_path / "work" / "videos").iterdir()) == ["000.mp4", "001.mp4"]


def test_the_async_example_cancels_what_it_does_not_need(run: Run) -> None:
    activated(run)
    said = run(str(ROOT / "examples" / "python" / "async_many.py")).stdout.splitlines()
    assert re.match(r"(in|as) .*: http", said[0]), said
    assert re.fullmatch(r"[0-2] cancelled", said[-1]), said


def test_the_django_views_answer(run: Run) -> None:
    pytest.importorskip("django", reason="Django is not there for this interpreter")
    activated(run)
    code = f"""
import json, sys
sys.path.insert(0, {str(ROOT / "examples" / "python")!r})
import django
from django.conf import settings
settings.configure(ALLOWED_HOSTS=["*"], DEBUG=False)
django.setup()
from django.test import RequestFactory
import django_view
requests = RequestFactory()
def post(**form):
    answer = django_view.start(requests.post("/videos", form))
    return answer.status_code, json.loads(answer.content)
status, job = post(prompt="a boat", request_id="form-1")
assert status == 202, job
assert post(prompt="a boat", request_id="form-1")[1]["job_id"] == job["job_id"]
status, refusal = post(prompt="")
assert (status, refusal["code"]) == (400, "INVALID_ARGUMENT")
answer = django_view.state(requests.get("/videos/x"), job["job_id"])
assert json.loads(answer.content)["state"] in ("queued", "running", "succeeded")
assert django_view.state(requests.get("/videos/x"), "vid_unknown").status_code == 404
print("fine")
"""
    assert run("-c", code).stdout == "fine\n"


def test_the_django_view_streams_the_states(run: Run) -> None:
    pytest.importorskip("django", reason="Django is not there for this interpreter")
    activated(run)
    code = f"""
import asyncio, json, sys
sys.path.insert(0, {str(ROOT / "examples" / "python")!r})
import django
from django.conf import settings
settings.configure(ALLOWED_HOSTS=["*"], DEBUG=False)
django.setup()
from django.test import AsyncRequestFactory
import django_sse
requests = AsyncRequestFactory()

async def main():
    answer = await django_sse.start(requests.post("/videos", {{"prompt": "a boat"}}))
    assert answer.status_code == 202, answer.content
    stream = await django_sse.events(requests.get("/videos/x/events"), json.loads(answer.content)["id"])
    states = [json.loads(event.decode().removeprefix("data: "))["state"] async for event in stream]
    assert (await django_sse.start(requests.post("/videos", {{}}))).status_code == 400
    print(states[-1])

asyncio.run(main())
"""
    assert run("-c", code).stdout == "succeeded\n"


def test_the_serverless_functions_return_at_once_and_resume(run: Run) -> None:
    activated(run)
    code = f"""
import json, sys, time
sys.path.insert(0, {str(ROOT / "examples" / "python")!r})
import serverless

def started(request_id, prompt="a boat"):
    answer = serverless.start({{"body": json.dumps({{"prompt": prompt, "request_id": request_id}})}}, None)
    return answer["statusCode"], json.loads(answer["body"])

status, video = started("form-1")
assert (status, started("form-1")[1]["id"]) == (202, video["id"])
assert started("form-2", prompt="")[0] == 400
while not (seen := json.loads(serverless.resume({{"pathParameters": video}}, None)["body"]))["done"]:
    time.sleep(0.1)
assert serverless.resume({{"pathParameters": {{"id": "vid_unknown"}}}}, None)["statusCode"] == 404
print(seen["state"])
"""
    assert run("-c", code).stdout == "succeeded\n"


def test_the_notebook_runs_from_top_to_bottom(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("IPython", reason="IPython is not there for this interpreter")
    notebook = json.loads((ROOT / "examples" / "python" / "quickstart.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(not cell.get("outputs") for cell in notebook["cells"])
    code = f"""
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in {cells!r}:
    shell.run_cell(cell).raise_error()
print("all cells", shell.user_ns["job"].state, shell.user_ns["job"]._repr_html_()[:6])
"""
    said = run("-c", code, IPYTHONDIR=str(tmp_path / "ipython")).stdout
    assert "all cells succeeded <video" in said
    assert (tmp_path / "work" / "skyline.mp4").exists()


def test_a_job_is_generated_waited_for_and_saved(sandbox: Sandbox, tmp_path: Path) -> None:
    states = []
    job = sandbox.client.video.generate("a lighthouse", duration_seconds=1, aspect="1:1")
    done = job.wait(timeout=120, on_update=lambda seen: states.append(seen.state))
    assert states[-1] == "succeeded"
    saved = done.download(tmp_path / "v.mp4")
    assert saved.path.read_bytes()[4:8] == b"ftyp"
    assert sandbox.client.account.balance().balance_usd < 2


def test_an_unpaid_job_says_where_to_pay(sandbox: Sandbox) -> None:
    with Sandbox(command=find_command()) as poor:
        with pytest.raises(infrai.PaymentRequiredError) as caught:
            for _ in range(200):
                poor.client.video.generate("a boat", resolution="4k", duration_seconds=60)
        assert caught.value.checkout_url
        record = poor.client.account.topup(20)
        assert record.next_action_url
    assert sandbox.url != poor.url


def test_faults_come_on_demand() -> None:
    with Sandbox(faults=["POST /v1/video/generate: status=503 times=9"]) as broken:
        with pytest.raises(infrai.ServerError) as caught:
            broken.client.video.generate("a boat")
        assert caught.value.attempts == 3


def test_a_client_takes_settings_and_polls_quickly(sandbox: Sandbox) -> None:
    answers: list[int | None] = []
    client = sandbox.new_client(on_response=lambda event: answers.append(event["status"]))
    job = client.video.generate("a boat", model="sandbox/fail")
    began = time.monotonic()
    with pytest.raises(infrai.JobFailedError):
        job.wait()
    assert time.monotonic() - began < 1 and len(answers) > 1
    with pytest.raises(infrai.ConfigurationError):
        sandbox.new_client(timeout=-1)


def test_an_async_client_takes_settings(sandbox: Sandbox) -> None:
    async def generate() -> str:
        async with sandbox.async_client(timeout=30) as client:
            return (await client.video.generate("a boat", model="sandbox/stuck")).job_id

    job_id = asyncio.run(generate())
    assert sandbox.client.video.cancel(job_id).ok


def test_a_job_fails_after_it_was_accepted() -> None:
    with Sandbox(faults="POST /v1/video/generate: job=fail code=VENDOR_DOWN times=1") as sandbox:
        job = sandbox.client.video.generate("a boat", duration_seconds=1)
        with pytest.raises(infrai.JobFailedError, match="VENDOR_DOWN"):
            job.wait()
        assert [entry["kind"] for entry in sandbox.ledger()] == ["trial", "charge", "refund"]


def test_faults_are_added_and_cleared() -> None:
    with Sandbox() as sandbox:
        sandbox.add_fault("GET /v1/account/balance: status=429 retry-after=0 times=1")
        sandbox.client.account.balance()
        sandbox.add_fault("GET /v1/account/*: status=503")
        sandbox.clear_faults()
        sandbox.client.account.balance()
        seen = [(request["path"], request["status"]) for request in sandbox.requests()]
    balance = "/v1/account/balance"
    assert seen == [("/v1/activate", 200), (balance, 429), (balance, 200), (balance, 200)]


def test_credit_is_added_and_a_topup_paid() -> None:
    with Sandbox() as sandbox:
        assert sandbox.add_credit(5) == 7
        topup = sandbox.client.account.topup(20)
        assert sandbox.pay(topup) == 27
        assert sandbox.pay(topup.topup_id) == 27, "once"
        assert [entry["amount_usd"] for entry in sandbox.ledger()] == [2, 5, 20]
        with pytest.raises(infrai.NotFoundError):
            sandbox.pay("top/../unknown")


def test_a_wrong_fault_says_what_is_expected(sandbox: Sandbox) -> None:
    wrong = "GET /v1/*: colour=red"
    expected = "expected status, code, retry-after.*got `colour`"
    with pytest.raises(infrai.ConfigurationError, match=expected) as caught:
        Sandbox(faults=wrong).start()
    assert "infrai sandbox --help" in caught.value.hint and "{" not in str(caught.value)
    with pytest.raises(infrai.InvalidRequestError, match=expected):
        sandbox.add_fault(wrong)
    with pytest.raises(infrai.ConfigurationError, match="--colour"):
        Sandbox(options=["--colour"]).start()


PLUGIN = """
import infrai
import pytest
from infrai.testing import Sandbox


@pytest.mark.infrai_faults("POST /v1/video/generate: job=fail times=1")
def test_the_mark(infrai_sandbox: Sandbox) -> None:
    with pytest.raises(infrai.JobFailedError):
        infrai_sandbox.client.video.generate("a boat").wait()


@pytest.mark.parametrize("infrai_sandbox", ["* *: status=503 times=1", ["* *: status=429 times=1"]], indirect=True)
def test_the_parameter(infrai_sandbox: Sandbox) -> None:
    infrai_sandbox.client.account.balance()


def test_neither(infrai_sandbox: Sandbox) -> None:
    infrai_sandbox.client.account.balance()
    assert [request["status"] for request in infrai_sandbox.requests()] == [200, 200]
"""


def test_the_fixture_takes_faults(run: Run, tmp_path: Path) -> None:
    (tmp_path / "work" / "conftest.py").write_text('pytest_plugins = ["infrai.testing"]\n', encoding="utf-8")
    (tmp_path / "work" / "test_boat.py").write_text(PLUGIN, encoding="utf-8")
    options = ("-q", "-p", "no:cacheprovider", "--strict-markers", "-W", "error")
    assert "4 passed" in run("-m", "pytest", *options, INFRAI_CLI=find_command()).stdout
    assert "infrai_faults(*faults)" in run("-m", "pytest", "--markers", INFRAI_CLI=find_command()).stdout


def test_the_documentation_has_every_word_of_the_manual() -> None:
    manual = subprocess.run([find_command(), "sandbox", "--help"], capture_output=True, text=True, check=True)
    words = re.findall(r"^  (\S+)  +\S", manual.stdout.partition("\nModels:\n")[2], re.MULTILINE)
    assert len(words) > 15
    documented = infrai.testing.__doc__ or ""
    assert [word for word in words if word not in documented and not re.fullmatch(r"720p|1080p", word)] == []


def test_a_sandbox_ends_with_its_context_and_leaves_no_process() -> None:
    with Sandbox() as sandbox:
        process = sandbox._process
        assert process is not None
    assert process.returncode == 0
    with pytest.raises(infrai.ConnectionError):
        sandbox.client.with_options(max_retries=0).account.balance()


def test_a_command_that_does_not_start_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(infrai.ConfigurationError, match="did not start"):
        Sandbox(command=sys.executable).start()
    monkeypatch.delenv("INFRAI_CLI", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path))
    with pytest.raises(infrai.ConfigurationError, match="Install infrai-cli"):
        Sandbox().start()
