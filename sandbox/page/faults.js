// The faults in force, and the form that adds one.

import { at, list, make, setText } from "./dom.js";

const fill = list(at("fault-list"), (fault) => fault.id, create);
let changed = () => {};

/** Calls `then` whenever a fault was set or cleared here. */
export function changing(then) {
  changed = then;
}

/** Shows the faults in their order. */
export function show(data) {
  fill(data.faults);
  at("no-faults").hidden = data.faults.length > 0;
  at("clear-faults").hidden = data.faults.length < 2;
}

const preset = at("preset");
const words = at("fault");
preset.value = "";
preset.addEventListener("change", () => {
  words.value = preset.value;
  setText(at("fault-error"), "");
});
// Text of the user stays as typed.
words.addEventListener("input", () => {
  if (words.value !== preset.value) preset.value = "";
});

at("fault-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (await send("POST", "/sandbox/faults", { fault: words.value })) {
    words.value = preset.value = "";
  }
});
at("clear-faults").addEventListener("click", () => send("DELETE", "/sandbox/faults"));

/** Changes the faults; false, and the reason in the page, if that was refused. */
async function send(method, path, body) {
  const problem = at("fault-error");
  try {
    const headers = body ? { "content-type": "application/json" } : {};
    const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(10_000) });
    const { ok, error } = await answer.json();
    setText(problem, ok ? "" : error.message);
    return ok;
  } catch {
    setText(problem, "The sandbox does not respond.");
    return false;
  } finally {
    changed();
  }
}

function create(fault) {
  const clear = make("button", { type: "button", "aria-label": `Clear ${fault.fault}` }, "Clear");
  clear.addEventListener("click", () => send("DELETE", `/sandbox/faults/${fault.id}`));
  const met = make("span", { class: "under" });
  const element = make("li", { class: "fault" }, make("div", {}, make("code", {}, fault.fault), met), clear);
  const update = ({ hits, remaining }) => {
    const left = remaining === null ? "" : remaining === 0 ? ", spent" : `, ${remaining} to go`;
    setText(met, `met ${hits} ${hits === 1 ? "request" : "requests"}${left}`);
    element.classList.toggle("spent", remaining === 0);
  };
  return { element, update };
}
