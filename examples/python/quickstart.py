"""A sentence becomes a video: activate this device once, generate, wait, save.

    python quickstart.py "a timelapse of a city skyline at dusk" skyline.mp4
"""

import sys

from infrai import InfraiError, PaymentRequiredError, ai, infra


def main() -> int:
    prompt, path = [*sys.argv[1:], "a timelapse of a city skyline at dusk", "skyline.mp4"][:2]
    if len(sys.argv) == 2:
        path = "skyline.mp4"
    infra.activate()
    try:
        job = ai.video.generate(prompt, resolution="1080p")
        print("job:", job.job_id, "| state:", job.state)
        saved = job.wait(progress=True).download(path, overwrite=True, progress=True)
    except PaymentRequiredError as error:
        print("The credit is spent; add some at", error.checkout_url)
        return 1
    except InfraiError as error:
        print(error)
        return 1
    print(f"{saved.path}: {saved.bytes} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
