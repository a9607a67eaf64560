"""A file of prompts becomes a folder of videos and a table of costs. Run it again after a crash, with further credit or with further prompts: what exists
is neither made nor paid again.

    python batch.py prompts.txt videos/
"""

import sys
from pathlib import Path

from infrai import InfraiError, ai


def main(prompts_file: str, folder: str) -> int:
    lines = Path(prompts_file).read_text(encoding="utf-8").splitlines()
    prompts = [line.strip() for line in lines if line.strip()]
    made, total = 0, 0.0
    # The checkpoint knows each prompt's job, whatever its place in the list.
    for item in ai.video.generate_many(prompts, checkpoint=Path(folder, "batch.jsonl"), output_dir=folder):
        prompt, job = prompts[item.index], item.result
        if isinstance(job, InfraiError):
            print(f"{prompt}: {job}; {job.hint}", file=sys.stderr)
            continue
        made += 1
        total += job.cost_usd or 0.0
        print(f"${job.cost_usd or 0.0:.2f}  {prompt}  {item.file and item.file.path}")
    print(f"${total:.2f}  {made} of {len(prompts)} made")
    return 0 if made == len(prompts) else 1


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
