"""Tests of one's own against the sandbox, which the fixture starts: python -m pytest test_video.py"""

# docs: sandbox
from infrai.testing import Sandbox, infrai_sandbox


def test_a_boat_is_made(infrai_sandbox: Sandbox) -> None:
    job = infrai_sandbox.client.video.generate("a boat", duration_seconds=1).wait()
    assert job.done and job.video_url
# docs: end


# docs: faults
import pytest
from infrai import JobFailedError


@pytest.mark.infrai_faults("POST /v1/video/generate: status=503 times=2")
def test_an_outage_is_survived(infrai_sandbox: Sandbox) -> None:
    infrai_sandbox.client.video.generate("a boat", model="sandbox/stuck")
    assert [request["status"] for request in infrai_sandbox.requests()] == [200, 503, 503, 200]


def test_a_failed_job_is_refunded(infrai_sandbox: Sandbox) -> None:
    infrai_sandbox.add_fault("POST /v1/video/generate: job=fail code=VENDOR_DOWN times=1")
    job = infrai_sandbox.client.video.generate("a boat")
    with pytest.raises(JobFailedError, match="VENDOR_DOWN"):
        job.wait()
    assert [entry["kind"] for entry in infrai_sandbox.ledger()] == ["trial", "charge", "refund"]
# docs: end


# docs: money
def test_a_topup_is_paid(infrai_sandbox: Sandbox) -> None:
    assert infrai_sandbox.add_credit(5) == 7
    topup = infrai_sandbox.client.account.topup(20)
    assert infrai_sandbox.pay(topup) == 27
# docs: end
