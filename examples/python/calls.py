"""One example per call, for the page of every call: python calls.py"""

from __future__ import annotations


def main() -> None:
    # docs: client.activate
    from infrai import infra

    account = infra.activate()
    print(account.account_id, account.trial_credit_usd)
    # docs: end

    # docs: video.generate
    from infrai import ai

    job = ai.video.generate("a red kite", resolution="1080p", duration_seconds=2)
    print(job.job_id, job.state)
    # docs: end

    # docs: video.status
    job = ai.video.status(job.job_id)
    print(job.state, job.progress)
    # docs: end

    # docs: video.watch
    for seen in ai.video.watch(job):
        print(seen.state, seen.progress)
    # docs: end

    # docs: video.wait
    job = ai.video.wait(job, timeout=600)
    print(job.state, job.video_url)
    # docs: end

    # docs: video.download
    saved = ai.video.download(job, "kite.mp4", overwrite=True)
    print(saved.path, saved.bytes)
    # docs: end

    # docs: video.download_stream
    with ai.video.download_stream(job) as stream, open("copy.mp4", "wb") as file:
        file.writelines(stream)
    # docs: end

    # docs: video.generate_many
    from infrai import InfraiError

    for index, result in ai.video.generate_many(["a red kite", "a blue kite"], key_prefix="kites"):
        print(index, "failed" if isinstance(result, InfraiError) else result.video_url)
    # docs: end

    # docs: video.cancel
    job = ai.video.generate("a slow river", model="sandbox/slow")
    print(ai.video.cancel(job).ok)
    # docs: end

    # docs: account.balance
    from infrai import account as wallet

    print(wallet.balance().balance_usd)
    # docs: end

    # docs: account.topup
    record = wallet.topup(20, return_url="https://example.com/paid")
    print(record.state, record.next_action_url)
    # docs: end

    # docs: client.request
    from infrai import InfraiClient

    client = InfraiClient()
    answer = client.request("GET", "/v1/account/balance")
    print(answer.status, answer["balance_usd"])
    # docs: end

    # docs: client.discover
    generate = client.discover("video.generate")
    print(generate.path, (generate.billing or {}).get("price_usd"))
    # docs: end

    # docs: client.with_options
    quick = client.with_options(timeout=5, max_retries=0)
    print(quick.account.balance().balance_usd)
    # docs: end

    # docs: client.base_url
    print(client.base_url)
    # docs: end

    # docs: client.close
    client.close()
    # docs: end

    # docs: testing.sandbox
    from infrai.testing import Sandbox

    with Sandbox(faults=["POST /v1/video/generate: status=503 times=1"]) as sandbox:
        print(sandbox.client.video.generate("a boat").job_id)
    # docs: end


if __name__ == "__main__":
    main()
