// The account's jobs: their states, and their videos.

import { at, copyButton, dollars, list, make, moment, setAttribute, setText } from "./dom.js";

/** Number of jobs shown before the button for the rest. */
const FIRST = 12;

let all = [];
let total = 0;
let whole = false;
const fill = list(at("job-list"), (job) => job.job_id, create);

/** Shows the jobs, the latest first. */
export function show(data) {
  all = data.jobs;
  total = data.accounts.find(({ account_id }) => account_id === data.account)?.jobs ?? 0;
  at("no-jobs").hidden = !data.unlocked || all.length > 0;
  draw();
}

function draw() {
  fill(whole ? all : all.slice(0, FIRST));
  const more = at("more-jobs");
  more.hidden = all.length <= FIRST;
  setText(more, whole ? "Show fewer" : `Show ${total > all.length ? "the latest" : "all"} ${all.length}`);
  at("older-jobs").hidden = total <= all.length;
  setText(at("older-jobs"), `This page has the latest ${all.length} of ${total} jobs. The API has the others by their ids.`);
}

at("more-jobs").addEventListener("click", () => {
  whole = !whole;
  draw();
});

function create(job) {
  const screen = make("div", { class: "screen" }, "No video yet");
  const prompt = make("p", { class: "prompt", dir: "auto" });
  const state = make("span", { class: "state" });
  const progress = make("progress", { max: "1", "aria-label": "Progress" });
  const percent = make("span", { class: "percent" });
  const facts = make("p", { class: "help" }, moment(job.created_at), ` · ${describe(job)}`);
  const error = make("p", { class: "error", dir: "auto" });
  const id = make("code", { title: "The job’s id" }, job.job_id);
  const links = make("p", { class: "links" }, id, copyButton(`the id ${job.job_id}`, () => job.job_id));
  const line = make("p", { class: "line" }, state, progress, percent);
  const element = make("li", { class: "job", "data-job": job.job_id }, screen, make("div", {}, prompt, line, facts, error, links));
  let video = null;
  const update = (job) => {
    setAttribute(element, "data-state", job.state);
    setText(prompt, job.prompt);
    setAttribute(prompt, "title", job.prompt);
    setText(state, job.state);
    const ended = job.state !== "queued" && job.state !== "running";
    progress.hidden = percent.hidden = ended || job.state === "queued";
    progress.value = job.progress ?? 0;
    setText(percent, ended ? "" : `${Math.floor((job.progress ?? 0) * 100)} %`);
    const problems = job.error ? [job.error] : (job.warnings ?? []);
    setText(error, problems.map((problem) => problem.message ?? String(problem)).join(" "));
    error.hidden = problems.length === 0;
    if (ended && !video && !job.video_url) setText(screen, "No video");
    if (job.video_url && !video) {
      video = player(job);
      screen.replaceChildren(video);
      links.prepend(link("Video", job.video_url), link("Thumbnail", job.thumbnail_url));
    }
    if (job.video_url) refresh(video, job);
  };
  return { element, update };
}

/** The requested video. */
function describe(job) {
  const words = [`${job.duration_seconds} s`, job.resolution, job.aspect, job.prefer, dollars(job.cost_usd)];
  if (job.model !== "sandbox/default") words.push(job.model);
  if (job.vendor !== "sandbox") words.push(job.vendor);
  return words.join(" · ");
}

function link(text, address) {
  return make("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, text);
}

function player(job) {
  const label = `Video: ${job.prompt}`.slice(0, 200);
  // Only the poster is loaded before the video is played.
  const video = make("video", { controls: "", loop: "", playsinline: "", preload: "none", "aria-label": label });
  video.muted = true;
  return video;
}

/** The addresses of files live for a time. A video that was begun keeps the one that it has, as long as that works. */
function refresh(video, job) {
  // Over the page's own route: it meets no fault, and is not logged as a client's request.
  const own = (address) => `/sandbox/page${new URL(address).pathname}`;
  if (video.currentTime > 0 && !video.error) return;
  setAttribute(video, "poster", own(job.thumbnail_url));
  setAttribute(video, "src", own(job.video_url));
}
