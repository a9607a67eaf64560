"""A file of prompts becomes a folder of videos. Run it again after a crash: finished jobs are neither made nor paid twice.

    python batch.py prompts.txt videos/
"""

import sys
from pathlib import Path

from infrai import InfraiError, ai


def main(prompts_file: str, folder: str) -> int:
    prompts = [line.strip() for line in Path(prompts_file).read_text(encoding="utf-8").splitlines()]
    prompts = [prompt for prompt in prompts if prompt]
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    failed = 0
    # The same prefix gives the same jobs: it stands for this batch.
    for index, result in ai.video.generate_many(prompts, key_prefix=f"batch-{Path(prompts_file).stem}"):
        if isinstance(result, InfraiError):
            failed += 1
            print(f"{index}: {prompts[index]}: {result}", file=sys.stderr)
        else:
            saved = result.download(target / f"{index:03}.mp4", overwrite=True)
            print(f"{index}: {prompts[index]}: {saved.path}")
    print(f"{len(prompts) - failed} of {len(prompts)} made")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
