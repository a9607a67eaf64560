"""A sentence becomes a file, as the README shows it: python readme.py"""

from infrai import ai, infra

infra.activate()
job = ai.video.generate(
    "a timelapse of a city skyline at dusk",
    resolution="1080p",
)
job = job.wait(progress=True)
job.download("skyline.mp4", overwrite=True)
