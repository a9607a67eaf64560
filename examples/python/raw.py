"""The main job over bare HTTP, to see what the SDK replaces: python raw.py"""

import os

# docs: raw
import json
import time
import urllib.request
from typing import Any

BASE = os.environ.get("INFRAI_BASE_URL", "https://api.infrai.cc")
KEY = os.environ["INFRAI_API_KEY"]


def call(method: str, path: str, body: object = None) -> Any:
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(BASE + path, method=method, data=data)
    request.add_header("Authorization", f"Bearer {KEY}")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as response:
        return json.load(response)["data"]


job = call("POST", "/v1/video/generate", {"prompt": "a paper boat", "duration_seconds": 1})
while job["state"] in ("queued", "running"):
    time.sleep(2)
    job = call("GET", f"/v1/video/jobs/{job['job_id']}")
urllib.request.urlretrieve(job["video_url"], "boat.mp4")
# docs: end
