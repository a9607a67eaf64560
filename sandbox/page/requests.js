// The clients' latest requests and their results.

import { at, list, make, moment } from "./dom.js";

const fill = list(at("request-list"), (request) => request.request_id, create);

/** Calls `changed` with whether the page's own requests are to be listed. */
export function choosing(changed) {
  const box = at("own");
  // A browser may remember the box's state over a reload.
  box.checked = false;
  box.addEventListener("change", () => changed(box.checked));
}

/** Shows the requests, the latest first. */
export function show(data) {
  fill(data.requests);
  at("no-requests").hidden = data.requests.length > 0;
}

/** A path that may break after its slashes. */
function segments(path) {
  return path.split(/(?<=\/)/).flatMap((segment) => [segment, make("wbr")]);
}

function create(request) {
  const what = make("td", {}, make("b", {}, request.method), " ", make("span", { class: "path" }, ...segments(request.path)));
  if (request.idempotency_key) what.append(make("span", { class: "under", title: "Idempotency key" }, `key ${request.idempotency_key}`));
  if (request.fault) what.append(make("span", { class: "under met" }, `met ${request.fault}`));
  const status = request.status === null ? "none" : String(request.status);
  const kind = request.status === null ? "none" : status[0];
  const element = make("tr", {},
    make("td", {}, moment(request.at)),
    what,
    make("td", { class: "number status", "data-kind": kind }, status),
    make("td", { class: "number" }, String(request.latency_ms)));
  // A finished request no longer changes.
  return { element, update() {} };
}
