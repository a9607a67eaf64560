"""A sentence becomes a file, as the README shows it: python readme.py"""

from infrai import ai, infra

infra.activate()
job = ai.video.generate(
    "a paper boat",
    resolution="1080p",
)
job = job.wait(progress=True)
job.download("boat.mp4", overwrite=True)
