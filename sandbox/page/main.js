// Polls the sandbox's state once a second, and passes it to the views.

import { at, setAttribute, setText } from "./dom.js";
import * as faults from "./faults.js";
import * as generate from "./generate.js";
import * as jobs from "./jobs.js";
import * as requests from "./requests.js";
import * as wallet from "./wallet.js";

const EVERY_MS = 1000;
const SLOWEST_MS = 8000;
const PATIENCE_MS = 10_000;

const choice = { account: "", own: false };
let tag = "";
let failures = 0;
let paused = false;
let timer = 0;
let busy = false;
let again = false;

/** Polls at once, or right after the response that it awaits. */
function refresh() {
  tag = "";
  schedule(0);
}

function schedule(wait) {
  clearTimeout(timer);
  if (busy) again = true;
  else if (!paused || tag === "") timer = setTimeout(poll, wait);
}

async function poll() {
  busy = true;
  again = false;
  try {
    const query = new URLSearchParams();
    if (choice.account) query.set("account", choice.account);
    if (choice.own) query.set("own", "true");
    // The token is in the URL's fragment, which no browser sends by itself.
    const headers = { "x-sandbox-page": location.hash.slice(1) };
    if (tag) headers["if-none-match"] = tag;
    const answer = await fetch(`/sandbox/page/state?${query}`, { headers, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.status !== 304) {
      const { ok, data, error } = await answer.json();
      if (!ok) throw new Error(error.message);
      show(data);
      tag = answer.headers.get("etag") ?? "";
    }
    failures = 0;
  } catch {
    failures += 1;
  } finally {
    busy = false;
  }
  connection();
  if (again) schedule(0);
  // A hidden page does not poll.
  else if (!document.hidden && !paused) schedule(Math.min(EVERY_MS * 2 ** failures, SLOWEST_MS));
}

function show(data) {
  at("locked").hidden = data.unlocked;
  at("jobs").hidden = !data.unlocked;
  for (const part of [generate, jobs, wallet, requests, faults]) part.show(data);
  setText(at("version"), `Infrai sandbox ${data.version} at ${location.host}.`);
}

function connection() {
  const [is, text] = failures > 0 ? ["lost", "The sandbox does not respond"] : paused ? ["paused", "Paused"] : ["live", "Live"];
  setAttribute(at("connection"), "data-is", is);
  setText(at("connection"), text);
}

at("pause").addEventListener("click", () => {
  paused = !paused;
  clearTimeout(timer);
  setAttribute(at("pause"), "aria-pressed", String(paused));
  connection();
  if (!paused) refresh();
});
wallet.choosing((account) => {
  choice.account = account;
  refresh();
});
requests.choosing((own) => {
  choice.own = own;
  refresh();
});
faults.changing(refresh);
generate.generating(refresh);
addEventListener("hashchange", refresh);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !paused) schedule(0);
});
refresh();
