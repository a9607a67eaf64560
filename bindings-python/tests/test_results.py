"""Results in the forms of other libraries: JSON, YAML, pydantic, FastAPI."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from pathlib import Path
from typing import Any

import infrai
import pytest

JOB = {
    "job_id": "vid_1",
    "state": "succeeded",
    "video_url": "https://x/v.mp4",
    "of_tomorrow": [1, {"a": None}],
}
KEY = "ifr_pk_proj_0123456789abcdefghijklmnWXYZ"
ACCOUNT = {"ok": True, "account_id": "acc_1", "primary_api_key": KEY, "reused": False}

#: Each result with the plain form of its content.
RESULTS: list[tuple[Any, Any]] = [
    (infrai.VideoJob(JOB), JOB),
    (infrai.AsyncVideoJob(JOB), JOB),
    (infrai.CancelResult(ok=True), {"ok": True}),
    (infrai.Balance(balance_usd=4.5, currency="USD"), {"balance_usd": 4.5, "currency": "USD"}),
    (infrai.TopupRecord(topup_id="top_1", amount_usd=20), {"topup_id": "top_1", "amount_usd": 20}),
    (infrai.ActivateResult(ACCOUNT, "ifr_…WXYZ", "work", "credentials"), ACCOUNT),
    (
        infrai.ApiResponse(200, {"status": "busy", "data": [1]}, {"cost_usd": 1}),
        {"status": "busy", "data": [1]},
    ),
    (infrai.ApiResponse(200, ["a", "b"], {}), {"data": ["a", "b"]}),
    (infrai.ApiResponse(200, None, {}), {"data": None}),
    (
        infrai.Download(Path("v.mp4"), 7, infrai.VideoJob(JOB)),
        {"path": "v.mp4", "bytes": 7, "job": JOB},
    ),
]
each_result = pytest.mark.parametrize(
    ("result", "plain"),
    RESULTS,
    ids=[f"{type(result).__name__}-{at}" for at, (result, _) in enumerate(RESULTS)],
)


@each_result
def test_every_result_is_json(result: Any, plain: Any) -> None:
    for indent in (None, 2):
        assert json.loads(json.dumps(result, indent=indent)) == plain


@each_result
def test_every_result_is_safe_yaml(result: Any, plain: Any) -> None:
    yaml = pytest.importorskip("yaml")

    assert yaml.safe_load(yaml.safe_dump(result)) == plain
    assert yaml.safe_load(yaml.safe_dump({"nested": [result]})) == {"nested": [plain]}
    if hasattr(yaml, "CSafeDumper"):
        assert yaml.safe_load(yaml.dump(result, Dumper=yaml.CSafeDumper)) == plain


@each_result
def test_every_result_has_a_plain_dict(result: Any, plain: Any) -> None:
    assert type(result.to_dict()) is dict and result.to_dict() == plain
    assert all(
        type(value) in (dict, list, str, int, float, bool, type(None)) for value in result.to_dict().values()
    )


@each_result
def test_every_result_is_pickled_and_copied_whole(result: Any, plain: Any) -> None:
    for other in (
        pickle.loads(pickle.dumps(result)),
        copy.copy(result),
        copy.deepcopy(result),
        result.copy(),
    ):
        assert type(other) is type(result) and other.to_dict() == plain and repr(other) == repr(result)


@each_result
def test_every_result_is_a_pydantic_field(result: Any, plain: Any) -> None:
    pydantic = pytest.importorskip("pydantic")

    model = pydantic.create_model("Model", result=(type(result), ...))
    kept = model(result=result)
    assert kept.result is result  # type: ignore[attr-defined]
    assert kept.model_dump() == {"result": plain}
    assert json.loads(kept.model_dump_json()) == {"result": plain}
    read = model.model_validate_json(json.dumps({"result": plain}))
    assert type(read.result) is type(result) and read.model_dump()["result"].items() >= {}.items()  # type: ignore[attr-defined]
    assert model.model_json_schema()["properties"]["result"]["type"] == "object"
    with pytest.raises(pydantic.ValidationError):
        model(result=7)


def test_yaml_may_be_imported_after_the_result_was_made(script) -> None:  # type: ignore[no-untyped-def]
    pytest.importorskip("yaml")
    code = """
    import infrai, sys
    job = infrai.VideoJob(job_id="vid_1", state="queued")
    assert "yaml" not in sys.modules
    import yaml
    class Dumper(yaml.SafeDumper):
        pass
    print(yaml.safe_dump(job), yaml.dump(job, Dumper=Dumper))
    """
    assert script(code).stdout.split() == ["job_id:", "vid_1", "state:", "queued"] * 2


def test_a_job_stays_one_to_isinstance_and_its_class() -> None:
    job = infrai.VideoJob(JOB)
    assert job.__class__ is infrai.VideoJob and isinstance(job, dict) and not isinstance(job, (str, tuple))


def test_a_jobs_json_schema_names_its_fields() -> None:
    pydantic = pytest.importorskip("pydantic")

    schema = pydantic.TypeAdapter(infrai.VideoJob).json_schema()
    assert schema["title"] == "VideoJob" and schema["required"] == ["job_id", "state"]
    assert schema["properties"]["job_id"] == {"type": "string"}
    assert schema["properties"]["progress"] == {"anyOf": [{"type": "number"}, {"type": "null"}]}
    assert set(schema["properties"]) == {
        "job_id",
        "state",
        "video_url",
        "thumbnail_url",
        "error",
        "progress",
        "cost_usd",
        "refunded_usd",
    }


def test_importing_results_loads_neither_pydantic_nor_yaml(script) -> None:  # type: ignore[no-untyped-def]
    code = """
    import infrai, sys
    infrai.VideoJob(job_id="vid_1").to_dict()
    print({"pydantic", "pydantic_core", "yaml", "typing", "inspect"} & set(sys.modules))
    """
    assert script(code).stdout == "set()\n"


def test_a_key_is_masked_in_repr_and_part_of_the_data() -> None:
    result = infrai.ActivateResult(ACCOUNT, "ifr_…WXYZ", "work", "credentials")
    assert KEY not in repr(result) and KEY not in str(result) and "ifr_…WXYZ" in repr(result)
    assert json.loads(json.dumps(result))["primary_api_key"] == KEY
    assert (result.credentials_file, result.profile) == (Path("credentials"), "work")


@pytest.mark.parametrize("kind", [infrai.VideoJob, infrai.AsyncVideoJob])
def test_a_fastapi_endpoint_returns_a_job(kind: Any) -> None:
    fastapi = pytest.importorskip("fastapi")

    app = fastapi.FastAPI()

    async def job() -> Any:
        return kind(JOB)

    job.__annotations__["return"] = kind
    app.get("/job")(job)

    sent: list[dict[str, Any]] = []

    async def main() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/job", "query_string": b"", "headers": []}
        await app(scope, receive, send)

    asyncio.run(main())
    assert sent[0]["status"] == 200
    assert json.loads(b"".join(message.get("body", b"") for message in sent)) == JOB
    content = app.openapi()["paths"]["/job"]["get"]["responses"]["200"]["content"]["application/json"]
    assert "job_id" in content["schema"]["properties"]
