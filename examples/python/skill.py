"""The snippets of the skill for coding agents (skills/infrai-video/SKILL.md): python skill.py"""

from __future__ import annotations


def credit() -> None:
    # docs: credit
    from infrai import PaymentRequiredError, account, ai

    try:
        ai.video.generate(
            "a long river",
            resolution="4k",
            duration_seconds=60,
            idempotency_key="river-1",
        )
    except PaymentRequiredError as error:
        # Nothing was charged. A person pays; the same call with the
        # same key then makes the job.
        left = account.balance().balance_usd
        print(f"${left:.2f} left; pay at {error.checkout_url}")
    # docs: end


def resume() -> None:
    # docs: resume
    from infrai import ai

    # Known before the call and after a crash: the number of an order,
    # the name of a file.
    job = ai.video.generate("a paper boat", idempotency_key="order-17")
    job = job.wait(progress=True)
    job.download("order-17.mp4", overwrite=True)
    # docs: end

    # docs: by-id
    job = ai.video.wait(job.job_id)
    # docs: end
    print(job.state)


if __name__ == "__main__":
    from infrai import infra

    infra.activate()
    credit()
    resume()
