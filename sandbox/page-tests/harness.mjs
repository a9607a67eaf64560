// A sandbox and a browser for the tests: the sandbox's page is opened in it, and its errors are collected.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

/** Nothing takes this long unless it hangs, not even on a machine that does much else. */
export const PATIENCE = 120_000;

/** Starts `infrai sandbox`, which ends with this process. */
export async function serve(...options) {
  const args = ["sandbox", "--json", "--temporary", "--exit-with-parent", ...options];
  const process = spawn(globalThis.process.env.INFRAI_CLI, args, { stdio: ["pipe", "pipe", "inherit"] });
  const line = await new Promise((resolve, reject) => {
    createInterface(process.stdout).once("line", resolve);
    process.once("error", reject).once("exit", (code) => reject(new Error(`the sandbox ended with ${code}`)));
  });
  const { url, page_url: page } = JSON.parse(line);
  const stop = async () => {
    const ended = new Promise((resolve) => process.once("exit", resolve));
    process.stdin.end();
    await ended;
  };
  return { url, page, stop };
}

/** An account of a sandbox, as a client sees it. */
export class Account {
  static async activate(url, fingerprint) {
    const account = new Account();
    account.url = url;
    const answer = await account.call("POST", "/v1/activate", { device_fingerprint: fingerprint });
    account.key = answer.data.primary_api_key;
    account.id = answer.data.account_id;
    return account;
  }

  /** An answer's envelope and status. */
  async call(method, path, body, headers = {}) {
    if (body) headers["content-type"] = "application/json";
    if (this.key) headers.authorization = `Bearer ${this.key}`;
    const answer = await fetch(this.url + path, { method, headers, body: body && JSON.stringify(body) });
    return { status: answer.status, ...(await answer.json()) };
  }

  /** The id of a new job. */
  async generate(prompt, more = {}, headers = {}) {
    const body = { prompt, duration_seconds: 1, prefer: "cheapest", ...more };
    const answer = await this.call("POST", "/v1/video/generate", body, headers);
    assert.equal(answer.status, 200, JSON.stringify(answer));
    return answer.data.job_id;
  }
}

/** The browser that scripts/toolchains/chromium found. */
export function browse() {
  // Chromium's own sandbox does not start for root.
  const args = globalThis.process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath: globalThis.process.env.CHROMIUM, args, timeout: PATIENCE });
}

/** Opens the page, runs `work` with it, and asserts that it loaded nothing foreign and met no error. */
export async function open(browser, address, work, { options = {}, errors = false } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const problems = [];
  const answers = [];
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && problems.push(`console: ${message.text()}`));
  page.on("dialog", (dialog) => problems.push(`dialog: ${dialog.message()}`) && dialog.dismiss());
  page.on("request", (request) => request.url().startsWith(new URL(address).origin + "/") || problems.push(`foreign: ${request.url()}`));
  page.on("response", (answer) => answers.push(answer));
  try {
    await page.goto(address);
    await page.locator('#connection[data-is="live"]').waitFor();
    await work(page, answers);
    if (!errors) assert.deepEqual(problems, []);
  } finally {
    await context.close();
  }
}

/** Waits until `question`, asked in the page, is true. */
export const until = (page, question, argument) => page.waitForFunction(question, argument, { timeout: PATIENCE });
