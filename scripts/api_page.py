#!/usr/bin/env python3
"""Writes the page of every call in every language, from the sources: docs/api.md and docs/api.zh.md.

    scripts/api_page.py            writes them, and names the Chinese texts whose English text has changed
    scripts/api_page.py --check    fails if they are not what the sources say, if a Chinese text is missing or older than its
                                   English one, or if a language lacks a call for no reason that is given here; ends with
                                   "N passed, N failed"

The parameters' English texts stand in the docstrings of the Python package, the Chinese ones in scripts/site/parameters.zh.json
beside the English text that they translate.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent / "site")]
import parameters  # noqa: E402
import snippets  # noqa: E402
import surface  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
TRANSLATIONS = ROOT / "scripts" / "site" / "parameters.zh.json"
Words = tuple[str, str]
#: A call's other name somewhere, and what is no call.
ALIASES = {"job.refresh": "job.status", "video.generate_from": "video.generate", "client.identity": "client.whoami"}
NO_CALLS = {"client.video", "client.account", "job.done", "client.create"}

GROUPS: dict[str, Words] = {
    "video": ("Video", "视频"),
    "account": ("Account", "账户"),
    "client": ("Client", "客户端"),
    "job": ("A job's own calls", "任务自身的调用"),
    "testing": ("Testing", "测试"),
}
#: What a call does, in both languages.
MEANINGS: dict[str, Words] = {
    "video.generate": ("Submits a job: `POST /v1/video/generate`.", "启动一个任务：`POST /v1/video/generate`。"),
    "video.status": ("Returns the job's current state: `GET /v1/video/jobs/{id}`.", "查询一次任务状态：`GET /v1/video/jobs/{id}`。"),
    "video.cancel": ("Cancels a job: `POST /v1/video/jobs/{id}/cancel`. `ok` is false if it had already ended.", "取消任务：`POST /v1/video/jobs/{id}/cancel`。任务已结束时 `ok` 为 false。"),
    "video.wait": ("Waits until a job has ended, by default at most 30 minutes. A job that fails is an error.", "等待任务结束，默认最长 30 分钟；任务以失败告终时报错。"),
    "video.watch": ("Yields the job's first state and every change, including the terminal state.", "依次给出任务的首个状态及之后的每次变化，包括终态。"),
    "video.download": ("Saves the video to a file, completely or not at all.", "保存视频：要么完整，要么不留文件。"),
    "video.download_stream": ("Opens the video as a stream of bytes.", "以字节流读取视频。"),
    "video.generate_many": ("Submits many jobs, some at a time, and yields each when it ends.", "批量生成，并发执行，先结束者先返回。"),
    "account.balance": ("Returns the balance: `GET /v1/account/balance`.", "查询余额：`GET /v1/account/balance`。"),
    "account.topup": ("Starts a payment: `POST /v1/account/topup`. The result has the URL of the payment page.", "充值：`POST /v1/account/topup`。返回值给出付款地址。"),
    "client.activate": ("Activates an anonymous account for this device: `POST /v1/activate`. Python's default client: `infra.activate()`.", "为本机开通匿名账户：`POST /v1/activate`。Python 默认客户端写作 `infra.activate()`。"),
    "client.request": ("Calls any other route, with the same key, retries and errors.", "调用其他任意路由，密钥、重试与错误处理完全一致。"),
    "client.with_options": ("Returns a client with other options for its calls.", "同一客户端，对部分调用改用其他设置。"),
    "client.base_url": ("Returns the base URL of the calls.", "调用所发往的地址。"),
    "client.key_hint": ("Returns the redacted key, `ifr_pk_proj_…abcd`.", "密钥可展示的形式 `ifr_pk_proj_…abcd`。"),
    "client.new_idempotency_key": ("Returns a new idempotency key, to store before a call.", "生成一个幂等键，供调用前先行记录。"),
    "client.close": ("Closes pooled connections.", "释放连接。"),
    "client.whoami": ("Returns the profile, key and base URL of the calls.", "显示调用将使用的配置、密钥与地址。"),
    "client.completions": ("Prints a completion script for a shell.", "输出 shell 补全脚本。"),
    "job.wait": ("As `video.wait`, for this job.", "同 `video.wait`，针对本任务。"),
    "job.watch": ("As `video.watch`, for this job.", "同 `video.watch`，针对本任务。"),
    "job.status": ("As `video.status`, for this job.", "同 `video.status`，针对本任务。"),
    "job.cancel": ("As `video.cancel`, for this job.", "同 `video.cancel`，针对本任务。"),
    "job.download": ("As `video.download`, for this job.", "同 `video.download`，针对本任务。"),
    "job.download_stream": ("As `video.download_stream`, for this job.", "同 `video.download_stream`，针对本任务。"),
    "job.from_json": ("Restores a job from its JSON.", "由保存下来的文本还原任务。"),
    "testing.sandbox": ("Starts a sandbox for tests; see [Testing with the sandbox](testing.md).", "供测试使用的沙箱，见[用沙箱测试](testing.md)。"),
}
PLAIN_JOB: Words = ("a job is plain data: pass it to the call of `video`", "任务是纯数据：请把它传给 `video` 的同名调用")
TAKES_ID: Words = ("takes the job's id", "以任务 ID 为参数")
TO_FILE: Words = ("not offered; `download` saves a file", "不提供；`download` 保存为文件")
IN_SHELL: Words = ("only in a shell", "仅命令行提供")
#: Why a language has no counterpart. Whatever is not here has to be there.
ABSENT: dict[str, dict[str, Words]] = {
    "video.download_stream": {"Swift": TO_FILE, "Kotlin": TO_FILE, "Command": ("`infrai video download ID -o FILE`", "`infrai video download ID -o FILE`")},
    "video.generate_many": {"Command": ("a loop; `--idempotency-key` keeps a rerun from paying twice", "用循环；`--idempotency-key` 保证重跑不重复计费")},
    "client.with_options": {"Command": ("`--timeout`", "`--timeout`")},
    "client.base_url": {
        "Node": ("not offered: it is what the client was given", "不提供：即构造时传入的值"),
        "Swift": ("not offered: it is what the client was given", "不提供：即构造时传入的值"),
        "Command": ("`infrai whoami`", "`infrai whoami`"),
    },
    "client.key_hint": {
        "Python": ("in `repr(activate())`", "见 `repr(activate())`"),
        "Node": ("not offered", "不提供"),
        "Swift": ("in the description of what `activate` gives", "见 `activate` 返回值的描述"),
        "Command": ("`infrai whoami`", "`infrai whoami`"),
    },
    "client.new_idempotency_key": {
        "Python": ("any 1 to 255 visible ASCII characters: `str(uuid.uuid4())`", "任意 1 到 255 个可见 ASCII 字符：`str(uuid.uuid4())`"),
        "Node": ("any 1 to 255 visible ASCII characters: `crypto.randomUUID()`", "任意 1 到 255 个可见 ASCII 字符：`crypto.randomUUID()`"),
        "Command": ("any 1 to 255 visible ASCII characters: `uuidgen`", "任意 1 到 255 个可见 ASCII 字符：`uuidgen`"),
    },
    "client.close": {
        "Node": ("not needed: it ends with the client", "无需：随客户端一同释放"),
        "Rust": ("not needed: it ends with the client", "无需：随客户端一同释放"),
        "Swift": ("not needed: it ends with the client", "无需：随客户端一同释放"),
        "Command": ("not needed", "无需"),
    },
    "client.whoami": dict.fromkeys(("Python", "Node", "Swift", "Kotlin"), ("not offered", "不提供")),
    "client.completions": dict.fromkeys(("Python", "Node", "Rust", "Swift", "Kotlin"), IN_SHELL),
    **{f"job.{call}": {"Node": PLAIN_JOB, "Rust": PLAIN_JOB, "Command": TAKES_ID} for call in ("wait", "cancel", "download")},
    "job.watch": {"Python": ("`video.watch(job)`", "`video.watch(job)`"), "Node": PLAIN_JOB, "Rust": PLAIN_JOB, "Command": TAKES_ID},
    "job.status": {"Python": ("`video.status(job)`", "`video.status(job)`"), "Node": PLAIN_JOB, "Rust": PLAIN_JOB, "Command": TAKES_ID},
    "job.download_stream": {"Node": PLAIN_JOB, "Rust": PLAIN_JOB, "Swift": TO_FILE, "Kotlin": TO_FILE, "Command": TAKES_ID},
    "job.from_json": {
        "Python": ("a job is a `dict`", "任务就是 `dict`"),
        "Node": ("a job is an object", "任务就是普通对象"),
        "Rust": ("`Serialize`, `Deserialize`", "`Serialize`、`Deserialize`"),
        "Swift": ("`Codable`", "`Codable`"),
        "Command": ("`--json`", "`--json`"),
    },
    "testing.sandbox": {
        "Swift": ("`infrai sandbox`, and its address as `baseURL`", "`infrai sandbox`，其地址作为 `baseURL`"),
        "Kotlin": ("`infrai sandbox`, and its address as `baseUrl`", "`infrai sandbox`，其地址作为 `baseUrl`"),
    },
}
INTRODUCTION: Words = (
    """# Every call

Each call with its parameters, result, errors and an example. `scripts/api_page.py` writes this page from the sources.

- `video.…` is `ai.video.…` of Python's default client, else `client.video.…`. Python's `AsyncInfraiClient` has the same calls, awaited.
- The parameter tables use Python's and Rust's names, and seconds. In Node, the first argument has the fields of the request's body as the API spells them
  (`duration_seconds`). The last one has the options of the SDK in camel case and milliseconds, among them `timeoutMs`, `maxRetries`, `headers`, `signal` and `unref` for every
  call. Swift and Kotlin use camel case and their own types for durations.
- Parameters with a default (`=`) or a `?` are optional; in Swift, all labelled ones but `prompt:`, `to:` and `amountUSD:`.
- A call can fail with `authentication`, `permission`, `rate_limit`, `server`, `connection`, `timeout`, `unexpected_response`, `credentials`, `configuration` or `aborted`.
  Each call below adds its own. [Errors](errors.md) explains the kinds, [Error codes](error-codes.md) the codes.
""",
    """# 全部调用

每个调用的参数、返回值、错误与示例。本页由 `scripts/api_page.py` 根据源码生成。

- `video.…` 在 Python 默认客户端中写作 `ai.video.…`，其余写作 `client.video.…`。Python 的 `AsyncInfraiClient` 提供相同的调用，以 await 方式使用。
- 参数表采用 Python 与 Rust 的名称，时间以秒计。在 Node 中，第一个参数是请求体字段，拼写与 API 一致（如 `duration_seconds`）；最后一个参数是 SDK 自身的选项，用驼峰命名、以毫秒计，每个调用都接受 `timeoutMs`、`maxRetries`、`headers`、`signal` 与 `unref`。Swift 与 Kotlin 用驼峰命名及各自的时长类型。
- 带默认值（`=`）或 `?` 的参数可以省略；Swift 中除 `prompt:`、`to:`、`amountUSD:` 外，带标签的参数均可省略。
- 任何调用都可能出现 `authentication`、`permission`、`rate_limit`、`server`、`connection`、`timeout`、`unexpected_response`、`credentials`、`configuration` 或 `aborted` 错误，以下各调用只列出自身特有的错误。类别见[错误](errors.md)，错误码见[错误码](error-codes.md)。
""",
)
#: The states of a job, and what a wait makes of them.
STATES: list[tuple[str, str, str]] = [
    ("`queued`", "in the queue; the wait continues", "排队中，继续等待"),
    ("`running`, and any state that is not listed here", "in progress; the wait continues", "进行中（未列出的状态也按此处理），继续等待"),
    ("`succeeded`, `completed`, `done`", "success; the wait returns the job", "成功，等待返回任务"),
    ("`failed`, `error`, `expired`", "failure; the wait ends with `job_failed`", "失败，等待以 `job_failed` 结束"),
    ("`cancelled`, `canceled`", "cancelled; the wait ends with `job_cancelled`", "已取消，等待以 `job_cancelled` 结束"),
]
THE_JOB: Words = (
    "A plain record of what the API sent: it can be stored as JSON, and every unknown field is kept. An absent field is absent or null. `_metadata` has what the response "
    "said about itself: `cost_usd`, `latency_ms`, `vendor`, `cache_hit`, `request_id`.",
    "任务是 API 返回内容的普通记录：可存为 JSON，未知字段也会保留；没有的字段为缺失或空值。`_metadata` 是响应的元数据：`cost_usd`、`latency_ms`、`vendor`、`cache_hit`、`request_id`。",
)


class Texts:
    """The texts of parameters and fields in both languages."""

    def __init__(self) -> None:
        self.chinese: dict[str, list[str]] = json.loads(TRANSLATIONS.read_text(encoding="utf-8"))
        self.used: set[str] = set()
        self.changed: list[str] = []

    def of(self, name: str, english: str, language: int) -> str:
        self.used.add(name)
        known = self.chinese.setdefault(name, [english, ""])
        if known[0] != english or not known[1]:
            self.changed.append(name)
            known[0] = english
        return (english, known[1] or english)[language].replace("|", "\\|")

    def save(self) -> None:
        kept = {name: pair for name, pair in sorted(self.chinese.items()) if name in self.used}
        TRANSLATIONS.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def fields(owner: str, parts: list[parameters.Parameter], texts: Texts, language: int) -> str:
    """The table of a call's parameters or of a result's fields."""
    titles = (("parameter" if "." in owner else "field", "type", "meaning"), ("参数" if "." in owner else "字段", "类型", "含义"))[language]
    table = row(*titles) + row(*["---"] * len(titles))
    for part in parts:
        optional = "" if part.default is None else f" = {part.default}" if part.default else "?"
        kind = f"`{part.kind}{optional}`".replace("|", "\\|")
        table += row(f"`{part.name}`", kind, texts.of(f"{owner}.{part.name}", part.text, language))
    return table


def errors(names: list[str]) -> str:
    """Kinds and codes, each with its place."""
    links = []
    for name in dict.fromkeys(names):
        kind = surface.snake(name.removesuffix("Error")).lower()
        links.append(f"`{kind}`" if name.endswith("Error") else f"[`{name}`](error-codes.md#{name.lower()})")
    return ", ".join(links)


def example(call: str) -> str:
    """The call's snippets, of the files that have one."""
    found = ""
    for label, file, info in (("Python", "examples/python/calls.py", "python"), ("Node", "examples/node/calls.mjs", "js")):
        if f"docs: {call}\n" in snippets.text(file):
            found += f"**{label}**\n\n<!-- {file}: {call} -->\n```{info}\n{snippets.part(file, call)}```\n\n"
    return found


def known() -> tuple[dict[str, dict[str, str]], list[str]]:
    """Every call with how each language writes it, and what is wrong."""
    written: dict[str, dict[str, str]] = {}
    for language, read in surface.LANGUAGES.items():
        for call, line in read().items():
            if call not in NO_CALLS:
                # A call's own name comes first; another form of it changes nothing.
                written.setdefault(ALIASES.get(call, call), {}).setdefault(language, line)
    faults = [f"{call} is not described" for call in written if call not in MEANINGS]
    faults += [f"{call} is described and nowhere to be found" for call in MEANINGS if call not in written]
    for call, lines in written.items():
        for language in surface.LANGUAGES:
            reason = ABSENT.get(call, {}).get(language)
            if language not in lines and reason is None:
                faults.append(f"{call} is missing in {language}, and no reason is given")
            if language in lines and reason is not None:
                faults.append(f"{call} is there in {language}, and a reason is given for its absence")
    blocking = {call for call in surface.python() if not call.startswith("testing.")}
    faults += [f"{call} is only in one of Python's two clients" for call in sorted(blocking ^ surface.python_async())]
    return written, faults


def page(written: dict[str, dict[str, str]], texts: Texts, language: int) -> str:
    parts = [INTRODUCTION[language]]
    names = {"Command": ("Command", "命令行")}
    calls, results = parameters.calls(surface.default_wait()), parameters.results()
    for group, titles in GROUPS.items():
        parts.append(f"## {titles[language]}\n")
        for call in (call for call in MEANINGS if call.startswith(f"{group}.")):
            text = f"### {call}\n\n{MEANINGS[call][language]}\n\n"
            if found := calls.get(call):
                if found.parameters:
                    text += fields(call, found.parameters, texts, language) + "\n"
                if found.result in parameters.RESULTS:
                    anchor = ("the-job", "任务")[language] if found.result == "VideoJob" else found.result.lower()
                    text += (f"Result: [`{found.result}`](#{anchor}). ", f"返回值：[`{found.result}`](#{anchor})。")[language]
                if found.errors:
                    text += (f"Errors: {errors(found.errors)}.", f"错误：{errors(found.errors).replace(', ', '、')}。")[language]
                text = text.rstrip() + "\n\n"
            text += example(call) + "| | |\n| --- | --- |\n"
            for name in surface.LANGUAGES:
                line = written[call].get(name)
                text += row(names.get(name, (name, name))[language], f"`{line}`" if line else ABSENT[call][name][language])
            parts.append(text)
    parts.append(("## The job\n", "## 任务\n")[language])
    parts.append(f"{THE_JOB[language]}\n\n{fields('VideoJob', results.pop('VideoJob'), texts, language)}")
    states = row(*(("state", "meaning"), ("状态", "含义"))[language]) + row("---", "---")
    parts.append(states + "".join(row((state[0], state[0].replace(", and any state that is not listed here", ""))[language], state[1 + language]) for state in STATES))
    parts.append(("## Other results\n", "## 其他返回值\n")[language])
    parts += [f"### {name}\n\n{fields(name, results[name], texts, language)}" for name in parameters.RESULTS if name in results]
    return "\n".join(parts)


def main() -> int:
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    written, faults = known()
    for fault in faults:
        print(fault)
    if faults:
        print(f"0 passed, {len(faults)} failed")
        return 1
    passed = failed = 0
    texts = Texts()
    for language, name in enumerate(("api.md", "api.zh.md")):
        place, wanted = ROOT / "docs" / name, page(written, texts, language)
        if sys.argv[1:] != ["--check"]:
            place.write_text(wanted, encoding="utf-8")
        elif place.is_file() and place.read_text(encoding="utf-8") == wanted:
            passed += 1
        else:
            print(f"docs/{name} is not what the sources say: run scripts/api_page.py")
            failed += 1
    for name in dict.fromkeys(texts.changed):
        print(f"{TRANSLATIONS.name}: review the Chinese text of {name}: {texts.chinese[name][0]}")
        failed += sys.argv[1:] == ["--check"]
    if sys.argv[1:] != ["--check"]:
        texts.save()
    print(f"{passed + len(written)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
