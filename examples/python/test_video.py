"""A test of one's own against the sandbox, which the fixture starts: python -m pytest test_video.py"""

# docs: sandbox
from infrai.testing import Sandbox, infrai_sandbox


def test_a_boat_is_made(infrai_sandbox: Sandbox) -> None:
    job = infrai_sandbox.client.video.generate("a boat", duration_seconds=1).wait()
    assert job.done and job.video_url
# docs: end


# docs: faults
def test_an_outage_is_survived() -> None:
    with Sandbox(faults=["POST /v1/video/generate: status=503 times=2"]) as sandbox:
        assert sandbox.client.video.generate("a boat", duration_seconds=1).job_id
# docs: end
