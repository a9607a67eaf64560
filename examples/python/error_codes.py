"""One handler per group of error codes, each against a sandbox that provokes it: python error_codes.py"""

from __future__ import annotations

from pathlib import Path

import infrai
from infrai.testing import Sandbox


def payment(client: infrai.InfraiClient) -> None:
    # docs: payment
    try:
        client.video.generate("a boat", idempotency_key="order-1")
    except infrai.PaymentRequiredError as error:
        # The same key after the payment: one job, one charge.
        print(error.code, "pay at", error.checkout_url)
    # docs: end


def access(client: infrai.InfraiClient) -> None:
    # docs: access
    try:
        client.account.balance()
    except (infrai.AuthenticationError, infrai.PermissionError) as error:
        print(error.code, error.hint, error.request_id)
    # docs: end


def conflict(client: infrai.InfraiClient) -> None:
    client.video.generate("a boat", idempotency_key="order-2")
    # docs: conflict
    try:
        client.video.generate("a kite", idempotency_key="order-2")
    except infrai.ConflictError:
        # Another request needs another key.
        client.video.generate("a kite", idempotency_key="order-2-kite")
    # docs: end


def busy(client: infrai.InfraiClient) -> None:
    # docs: busy
    try:
        client.video.generate("a boat", idempotency_key="order-3")
    except (infrai.RateLimitError, infrai.ServerError) as error:
        # The client has retried already: put the order back into the queue.
        print(error.code, "again in", error.retry_after or 60, "s")
    # docs: end


def connection(client: infrai.InfraiClient) -> None:
    # docs: connection
    try:
        client.video.generate("a boat")
    except (infrai.ConnectionError, infrai.TimeoutError) as error:
        # The request may have arrived: its key gives the same job.
        key = error.idempotency_key
        client.video.generate("a boat", idempotency_key=key)
    # docs: end


def arguments(client: infrai.InfraiClient) -> None:
    # docs: arguments
    try:
        client.video.generate("")
    except infrai.InvalidRequestError as error:
        print(error.code, error.details["field"], error.message)
    # docs: end


def jobs(client: infrai.InfraiClient) -> None:
    # docs: jobs
    job = client.video.generate("a boat", model="sandbox/fail")
    try:
        client.video.wait(job, timeout=600)
    except infrai.JobFailedError as error:
        print(error.code, error.message)
    except infrai.WaitTimeoutError:
        # The job continues: store its id and wait again later.
        print("still running:", job.job_id)
    # docs: end


def files(client: infrai.InfraiClient) -> None:
    job = client.video.generate("a boat", duration_seconds=1)
    client.video.wait(job)
    Path("taken.mp4").write_bytes(b"")
    # docs: files
    try:
        client.video.download(job, "taken.mp4")
    except infrai.InvalidRequestError as error:
        if error.code != "FILE_EXISTS":
            raise
        client.video.download(job, f"{job.job_id}.mp4", overwrite=True)
    # docs: end


def settings() -> None:
    # docs: settings
    from infrai import ConfigurationError, CredentialsError, InfraiClient

    try:
        InfraiClient(base_url="http://example.com").base_url
    except (ConfigurationError, CredentialsError) as error:
        print(error.code, error.message, "-", error.hint)
    # docs: end


def responses(client: infrai.InfraiClient) -> None:
    # docs: responses
    try:
        client.account.balance()
    except infrai.UnexpectedResponseError as error:
        # A proxy or gateway in front of the API may have answered.
        print(error.code, error.status, error.message)
    # docs: end


if __name__ == "__main__":
    faults = {
        payment: "POST /v1/video/generate: status=402 times=1",
        access: "GET /v1/account/balance: status=403 code=KEY_REVOKED times=1",
        conflict: None,
        busy: "POST /v1/video/generate: status=503 code=VENDOR_DOWN retry-after=1 times=1",
        connection: "POST /v1/video/generate: drop=after times=1",
        arguments: None,
        jobs: None,
        files: None,
        responses: "GET /v1/account/balance: status=302 times=1",
    }
    for handle, fault in faults.items():
        print(f"- {handle.__name__}")
        with Sandbox(faults=[fault] if fault else []) as sandbox:
            handle(sandbox.client.with_options(max_retries=0))
    print("- settings")
    settings()
