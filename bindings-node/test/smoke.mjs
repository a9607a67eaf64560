// Tries the installed package without anything else: one call over a real connection.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { InfraiClient } from "@infrai/sdk";

const apiKey = "ifr_pk_proj_0123456789abcdefghijWXYZ";
const server = createServer((request, response) => {
  assert.equal(request.headers.authorization, `Bearer ${apiKey}`);
  response.end(JSON.stringify({ ok: true, data: { job_id: "vid_1", state: "succeeded" } }));
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const client = new InfraiClient({ apiKey, baseUrl: `http://127.0.0.1:${server.address().port}` });
assert.equal((await client.video.wait("vid_1")).state, "succeeded");
server.closeAllConnections();
server.close();
console.log("@infrai/sdk works");
