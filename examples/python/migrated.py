"""The same as raw.py with the SDK: python migrated.py"""

# docs: migrated
from infrai import ai

ai.video.generate("a paper boat", duration_seconds=1).wait().download("boat.mp4", overwrite=True)
# docs: end
