// The main job over bare HTTP, to see what the SDK replaces: node raw.mjs

// docs: raw
import { writeFile } from "node:fs/promises";

const base = process.env.INFRAI_BASE_URL ?? "https://api.infrai.cc";
const headers = {
  Authorization: `Bearer ${process.env.INFRAI_API_KEY}`,
  "Content-Type": "application/json",
};

/** @type {(method: string, path: string, body?: object) => Promise<any>} */
async function call(method, path, body) {
  const sent = body && JSON.stringify(body);
  const response = await fetch(base + path, { method, headers, body: sent });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return (await response.json()).data;
}

let job = await call("POST", "/v1/video/generate", { prompt: "a paper boat", duration_seconds: 1 });
while (["queued", "running"].includes(job.state)) {
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  job = await call("GET", `/v1/video/jobs/${job.job_id}`);
}
await writeFile("boat.mp4", Buffer.from(await (await fetch(job.video_url)).arrayBuffer()));
// docs: end
