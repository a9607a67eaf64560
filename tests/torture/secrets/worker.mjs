// Prints everything that the Node client can show of itself: inspected, as JSON, as text, errors in each form.
//
//   node worker.mjs FOLDER URL KEY      TORTURE_PROJECT: where the package is installed

import { createRequire } from "node:module";
import { join } from "node:path";
import { inspect } from "node:util";

const [folder, baseUrl, apiKey] = process.argv.splice(2);
const { InfraiClient } = createRequire(join(process.env.TORTURE_PROJECT, "package.json"))("@infrai/sdk");

function show(what) {
  console.log(what);
  console.log(`${what}`);
  console.log(inspect(what, { depth: null, showHidden: true, getters: true, showProxy: true }));
  for (const written of [JSON.stringify, structuredClone, Object.entries, Reflect.ownKeys]) {
    try {
      console.log(written(what));
    } catch (error) {
      console.log(error);
    }
  }
  if (what instanceof Error) console.log(what.stack, what.message, what.toJSON?.(), what.cause);
}

/** Everything about a call's value or error. */
async function told(call) {
  try {
    show(await call());
  } catch (error) {
    show(error);
  }
}

const print = (event) => console.log(event);
const settings = { baseUrl, retryBaseMs: 1, onRequest: print, onResponse: print };
const client = new InfraiClient({ ...settings, apiKey });
for (const one of [client, client.video, client.account, client.withOptions({ timeoutMs: 5000 })]) show(one);
await told(() => client.account.balance());
await told(() => client.account.topup({ amount_usd: 5 }));
for (const name of ["redirect", "unauthorized", "html", "cut", "fine", "nonsense"]) {
  await told(() => client.video.status(name));
  await told(() => client.video.wait(name, { timeoutMs: 50 }));
}
for (const name of ["quoted", "repeated", "broken"]) await told(() => client.video.status(name));
// Their values are what the server sent, the key included: only their errors are shown.
for (const name of ["id", "state", "error", "code", "prefix", "extra", "type", "list", "file", "host", "none"]) {
  await told(() => client.video.wait(`echo-${name}`, { timeoutMs: 50 }).then(() => undefined));
  await told(() => client.video.download(`echo-${name}`, join(folder, name)).then(() => undefined));
}
await told(() => client.video.cancel("fine"));
for (const name of ["file", "moved", "refused"]) await told(() => client.video.download(name, join(folder, name)));
await told(() => client.video.generate({ prompt: "a cat" }));
await told(async () => {
  const items = [];
  for await (const item of client.video.generateMany(["one", "two"])) items.push(item);
  return items;
});
await told(() => client.request("POST", "/v1/echo", { own: "text" }, { query: { q: 1 } }));
await told(() => new InfraiClient({ ...settings, apiKey: `${apiKey}\n` }));
await told(() => new InfraiClient({ ...settings, apiKey, proxy: `ftp://${apiKey}@127.0.0.1` }));
await told(() => new InfraiClient({ ...settings, baseUrl: `http://${apiKey}@127.0.0.1:9` }));

const functional = new InfraiClient({ ...settings, apiKey: async () => apiKey });
show(functional);
await told(() => functional.video.status("unauthorized"));

const activation = new InfraiClient({ ...settings, credentialsFile: join(folder, "credentials") });
const made = await activation.activate();
// The key itself is handed over by its name, and by JSON, which keeps every field: that is what they are for.
console.log(made, inspect(made, { depth: null }), [made], `${made}`);
await told(() => activation.account.balance());
show(process.env);
console.log("the end");
