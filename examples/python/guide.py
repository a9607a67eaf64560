"""The guide's snippets, in the order in which they stand there. Run, it runs them all: python guide.py"""

from __future__ import annotations


def first() -> None:
    # docs: first
    from infrai import ai, infra

    # Once per device: an anonymous account with a trial credit.
    infra.activate()
    job = ai.video.generate(
        "a timelapse of a city skyline at dusk", resolution="1080p"
    )
    job = job.wait(progress=True)
    saved = job.download("skyline.mp4", overwrite=True)
    print(saved.bytes, "bytes at", saved.path)
    # docs: end


def key() -> None:
    vault = Vault()
    # docs: key
    from infrai import InfraiClient

    # Called once per call, and again after a 401
    client = InfraiClient(lambda: vault.read("infrai"))
    print(client.account.balance().balance_usd)
    # docs: end


def profile() -> None:
    # docs: profile
    from infrai import InfraiClient

    # The table [work] of ~/.infrai/credentials
    work = InfraiClient(profile="work")
    work.activate()
    print(work.account.balance().balance_usd)
    # docs: end


def wait() -> None:
    # docs: wait
    from infrai import WaitTimeoutError, ai

    job = ai.video.generate("a red kite")
    try:
        job = job.wait(
            timeout=600,
            on_update=lambda seen: print(seen.state, seen.progress),
        )
    except WaitTimeoutError:
        job = job.wait(timeout=None)  # the job goes on, and so can the wait
    # docs: end
    assert job.done


def watch() -> None:
    # docs: watch
    from infrai import ai

    job = ai.video.generate("a red kite", duration_seconds=1)
    for seen in ai.video.watch(job):
        print(seen.state, seen.progress)
    # docs: end


def polling() -> None:
    # docs: polling
    from infrai import InfraiClient

    # In seconds: fewer polls, for jobs of two minutes
    client = InfraiClient(
        polling={"request_cost": 0.5, "expected_duration": 120}
    )
    job = client.video.generate("a red kite", duration_seconds=1)
    print(client.video.wait(job).state)
    # docs: end


def stop() -> None:
    # docs: stop
    import asyncio

    from infrai import AsyncInfraiClient

    async def stopping() -> None:
        async with AsyncInfraiClient() as client:
            job = await client.video.generate("a slow river", model="sandbox/slow")
            try:
                # Without cancel_on_abort the job goes on
                await asyncio.wait_for(job.wait(cancel_on_abort=True), 0.2)
            except asyncio.TimeoutError:
                print("stopped:", (await client.video.status(job)).state)

    asyncio.run(stopping())
    # docs: end


def errors() -> None:
    # docs: errors
    import infrai
    from infrai import ai

    try:
        ai.video.generate("a paper boat").wait().download("boat.mp4", overwrite=True)
    except infrai.PaymentRequiredError as error:
        print("add credit at", error.checkout_url)
    except infrai.JobFailedError as error:
        print("no video:", error.message)
    except infrai.InfraiError as error:
        print(error.code, error.message, "-", error.hint, error.request_id)
    # docs: end


def repeat() -> None:
    order = 4711
    # docs: repeat
    from infrai import ai

    key = f"order-{order}"  # written down with the order, before the call
    job = ai.video.generate("a paper boat", idempotency_key=key)
    # After a crash, or a second click
    again = ai.video.generate("a paper boat", idempotency_key=key)
    assert again.job_id == job.job_id  # one job, charged once
    # docs: end


def unsure() -> None:
    # docs: unsure
    from infrai import InfraiError, ai

    try:
        job = ai.video.generate("a paper boat")
    except InfraiError as error:
        if not error.may_have_been_processed:
            raise
        job = ai.video.generate("a paper boat", idempotency_key=error.idempotency_key)
    # docs: end
    assert job.job_id


def quick() -> None:
    # docs: with-options
    from infrai import InfraiClient

    client = InfraiClient()
    # The same connections, a shorter timeout
    quick = client.with_options(timeout=5, max_retries=0)
    print(quick.account.balance().balance_usd)
    # docs: end


def many() -> None:
    # docs: many
    from infrai import InfraiError, ai

    kites = ai.video.generate_many(
        ["a red kite", {"prompt": "a blue kite", "aspect": "1:1"}],
        concurrency=4,
        key_prefix="kites-1",
    )
    for index, result in kites:
        if isinstance(result, InfraiError):
            print(index, "failed:", result)
        else:
            result.download(f"kite-{index}.mp4", overwrite=True)
    # docs: end


def request() -> None:
    # docs: request
    from infrai import InfraiClient

    answer = InfraiClient().request("GET", "/v1/account/balance")
    print(answer.status, answer["balance_usd"], answer.metadata["request_id"])
    # docs: end


class Vault:
    """Stands for wherever keys are kept."""

    def read(self, name: str) -> str:
        from infrai import infra

        return infra.activate().primary_api_key


if __name__ == "__main__":
    for snippet in (first, key, profile, wait, watch, polling, stop, errors, repeat, unsure, quick, many, request):
        print(f"- {snippet.__name__}")
        snippet()
