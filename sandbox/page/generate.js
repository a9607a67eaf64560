// The form that generates a video, and the lines that connect a shell: both use a key that the page asks for.

import { at, copyButton, setText } from "./dom.js";

const TIMEOUT_MS = 10_000;

/** The shown account's key, once the page has asked for one. */
let key = "";
let account = "";
let exported = false;
let lines = [];
let changed = () => {};

/** Calls `then` whenever a job was created here. */
export function generating(then) {
  changed = then;
}

/** Shows the lines for a shell. */
export function show(data) {
  // A key belongs to one account. A new account's first key stays.
  if (account && account !== data.account) {
    key = "";
    exported = false;
  }
  account = data.account ?? "";
  at("generate").hidden = !data.unlocked;
  at("new-key").hidden = !data.unlocked || exported;
  const windows = data.data_dir?.includes("\\") ?? false;
  const variable = (name, value) => `${windows ? "$env:" : "export "}${name}=${windows ? `'${value.replaceAll("'", "''")}'` : quote(value)}`;
  lines = [variable("INFRAI_BASE_URL", location.origin)];
  if (exported) lines.push(variable("INFRAI_API_KEY", key));
  else if (data.data_dir) lines.push(variable("INFRAI_CREDENTIALS_FILE", `${data.data_dir}${windows ? "\\" : "/"}credentials`));
  setText(at("exports"), lines.join("\n"));
}

/** A word of a shell. */
const quote = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

at("exports-head").append(copyButton("the lines", () => lines.join("\n")));
at("new-key").addEventListener("click", async () => {
  const problem = await attempt(async () => {
    key ||= await newKey();
    exported = true;
  });
  setText(at("key-error"), problem);
  changed();
});

at("generate-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const button = at("generate-button");
  button.disabled = true;
  const { prompt, duration_seconds, ...rest } = Object.fromEntries(new FormData(form));
  const body = JSON.stringify({ prompt, duration_seconds: Number(duration_seconds), ...rest });
  const problem = await attempt(async () => {
    key ||= await newKey();
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json", "idempotency-key": crypto.randomUUID() };
    await send("/v1/video/generate", { headers, body });
  });
  button.disabled = false;
  setText(at("generate-error"), problem);
  if (!problem) at("prompt").value = "";
  changed();
});

async function newKey() {
  const query = new URLSearchParams(account ? { account } : {});
  return (await send(`/sandbox/page/key?${query}`, { headers: { "x-sandbox-page": location.hash.slice(1) } })).api_key;
}

/** The data of an answer. */
async function send(path, request) {
  const answer = await fetch(path, { method: "POST", ...request, signal: AbortSignal.timeout(TIMEOUT_MS) });
  const { ok, data, error } = await answer.json();
  if (!ok) throw new RefusedError(error.message);
  return data;
}

class RefusedError extends Error {}

/** Why `work` failed, in words; nothing if it did not. */
async function attempt(work) {
  try {
    await work();
    return "";
  } catch (error) {
    return error instanceof RefusedError ? error.message : "The sandbox does not respond.";
  }
}
