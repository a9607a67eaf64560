// `infrai mcp` with the official TypeScript clients: `@modelcontextprotocol/sdk` for the protocol that begins with `initialize`,
// `@modelcontextprotocol/client` for revision 2026-07-28; over stdio and HTTP.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";

import * as modern from "@modelcontextprotocol/client";
import { StdioClientTransport as ModernStdio } from "@modelcontextprotocol/client/stdio";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const CLI = process.env.INFRAI_CLI;
const home = mkdtempSync(join(tmpdir(), "infrai-mcp-"));
after(() => rmSync(home, { recursive: true, force: true }));

const short = (prompt, more) => ({ prompt, duration_seconds: 1, aspect: "1:1", ...more });

const SDKS = {
  "2025-11-25": {
    client: () => new Client({ name: "test", version: "1" }),
    Stdio: StdioClientTransport,
    Http: StreamableHTTPClientTransport,
    call: (client, request, options) => client.callTool(request, undefined, options),
  },
  "2026-07-28": {
    client: () => new modern.Client({ name: "test", version: "1" }, { versionNegotiation: { mode: { pin: "2026-07-28" } } }),
    Stdio: ModernStdio,
    Http: modern.StreamableHTTPClientTransport,
    call: (client, request, options) => client.callTool(request, options),
  },
};

/** Runs `body` with a connected client of a server with a sandbox of its own. */
async function withClient(version, transport, words, body) {
  const { client: create, Stdio, Http } = SDKS[version];
  const client = create();
  const data = join(home, `${transport}-${version}`);
  const args = ["--sandbox", "--data-dir", data, "mcp", "--output-dir", join(home, "videos"), ...words];
  if (transport === "stdio") {
    await client.connect(new Stdio({ command: CLI, args, cwd: home, stderr: "ignore" }));
    try {
      return await body(client);
    } finally {
      await client.close();
    }
  }
  const server = spawn(CLI, [...args, "--http", "127.0.0.1:0"], { stdio: ["ignore", "inherit", "pipe"] });
  const ended = new Promise((resolve) => server.once("exit", resolve));
  try {
    let url, token;
    for await (const line of createInterface({ input: server.stderr })) {
      url ??= line.match(/http:\S+\/mcp$/)?.[0];
      token = line.match(/^Token: (\S+)/)?.[1];
      if (token) break;
    }
    await client.connect(new Http(new URL(url), { requestInit: { headers: { Authorization: `Bearer ${token}` } } }));
    return await body(client);
  } finally {
    await client.close();
    server.kill();
    assert.equal(await ended, 0);
  }
}

for (const version of Object.keys(SDKS)) {
  const call = async (client, name, args = {}, options = undefined) => SDKS[version].call(client, { name, arguments: args }, options);
  const ok = async (...args) => {
    const result = await call(...args);
    assert.ok(!result.isError, JSON.stringify(result));
    return result.structuredContent;
  };
  for (const transport of ["stdio", "http"]) {
    test(`a job lives from prompt to file over ${transport} in ${version}`, async () => {
      await withClient(version, transport, [], async (client) => {
        const { tools } = await client.listTools();
        assert.equal(tools.length, 9);
        const job = await ok(client, "generate_video", short(`a kite over ${transport} in ${version}`));
        const seen = [];
        const ended = await ok(client, "wait_for_video", { job_id: job.job_id }, { onprogress: ({ progress }) => seen.push(progress) });
        assert.deepEqual([ended.state, ended.cost_usd], ["succeeded", 0.02]);
        assert.ok(seen.length > 0 && seen.every((value, at) => at === 0 || value > seen[at - 1]), String(seen));
        const { content } = await call(client, "download_video", { job_id: job.job_id, path: `${transport}-${version}.mp4` });
        assert.deepEqual([content[1].type, content[1].mimeType], ["resource_link", "video/mp4"]);
        assert.equal(readFileSync(new URL(content[1].uri)).length, content[1].size);
        const again = await ok(client, "generate_video", short(`a kite over ${transport} in ${version}`));
        assert.deepEqual([again.job_id, again.replayed], [job.job_id, true]);
        const refused = await call(client, "generate_video", { prompt: "" });
        assert.deepEqual([refused.isError, refused.structuredContent.error.code], [true, "INVALID_ARGUMENT"]);
        const { messages } = await client.getPrompt({ name: "video_prompt", arguments: { idea: "a boat" } });
        assert.match(messages[0].content.text, /a boat/);
      });
    });

    test(`an aborted wait leaves the job over ${transport} in ${version}`, async () => {
      await withClient(version, transport, [], async (client) => {
        const job = await ok(client, "generate_video", short(`a boat over ${transport} in ${version}`, { model: "sandbox/stuck" }));
        const wait = { job_id: job.job_id, timeout_seconds: 600 };
        await assert.rejects(call(client, "wait_for_video", wait, { timeout: 500 }));
        await assert.rejects(call(client, "wait_for_video", wait, { signal: AbortSignal.timeout(300) }));
        const status = await ok(client, "video_status", { job_id: job.job_id });
        assert.equal(status.ended, false);
        assert.equal((await ok(client, "cancel_video", { job_id: job.job_id })).cancelled, true);
      });
    });
  }

  test(`limits and twenty calls at once in ${version}`, async () => {
    await withClient(version, "stdio", ["--max-cost-usd", "0.10"], async (client) => {
      const calls = Array.from({ length: 20 }, (_, number) => call(client, "generate_video", short(`kite ${number} in ${version}`)));
      const results = await Promise.all(calls);
      assert.equal(results.filter(({ isError }) => !isError).length, 5);
      const codes = results.filter(({ isError }) => isError).map((result) => result.structuredContent.error.code);
      assert.deepEqual(new Set(codes), new Set(["SPENDING_LIMIT"]));
    });
  });
}
