"""Many jobs at once on one event loop, each cancelled with its task: the first to end wins.

    python async_many.py
"""

import asyncio

from infrai import AsyncInfraiClient

STYLES = ["in watercolour", "as a paper cut-out", "in black and white"]


async def main() -> None:
    async with AsyncInfraiClient() as client:

        async def make(style: str) -> str:
            job = await client.video.generate(f"a lighthouse in a storm, {style}", duration_seconds=1)
            done = await job.wait(cancel_on_abort=True)
            return f"{style}: {done.video_url}"

        tasks = [asyncio.create_task(make(style)) for style in STYLES]
        first, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in first:
            print(task.result())
        # Cancelling a task stops its polling at once and, as asked for above, cancels its job.
        for task in others:
            task.cancel()
        left = await asyncio.gather(*others, return_exceptions=True)
        print(f"{sum(isinstance(end, asyncio.CancelledError) for end in left)} cancelled")


if __name__ == "__main__":
    asyncio.run(main())
