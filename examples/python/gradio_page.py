"""A page of Gradio: a prompt, a progress bar, a video.

    python gradio_page.py
"""

import tempfile
from pathlib import Path

import gradio as gr
from infrai import InfraiClient, InfraiError

client = InfraiClient()
folder = Path(tempfile.mkdtemp(prefix="videos-"))


def make_video(prompt: str, seconds: float, progress: gr.Progress = gr.Progress()) -> str:  # noqa: B008
    try:
        job = client.video.generate(prompt, duration_seconds=seconds)
        for job in client.video.watch(job):
            progress(job.progress or 0, desc=job.state)
        return str(job.download(folder / f"{job.job_id}.mp4").path)
    except InfraiError as error:
        raise gr.Error(f"{error.message}. {error.hint}") from error


page = gr.Interface(make_video, ["text", gr.Slider(1, 10, value=4, label="seconds")], "video", title="Videos")

if __name__ == "__main__":
    # Everybody who can open the page spends your credit.
    page.launch()
