// Builds @infrai/sdk and the provider, and tests the provider under the AI SDK that package-lock.json pins. Ends with
// `N passed, N failed`.
//
// INFRAI_CLI names the command; without it, it is built. The AI SDK wants Node.js 22: under an older one, the tests run under
// the pinned one.

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const REPOSITORY = join(ROOT, "..", "..");
const WINDOWS = process.platform === "win32";
const PYTHON = WINDOWS ? "python" : "python3";

const step = (program, args, options = {}) => execFileSync(program, args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"], ...options });
const output = (program, args, options = {}) => execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], ...options }).trim();
const work = mkdtempSync(join(tmpdir(), "infrai-ai-sdk-test-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));

console.log("== @infrai/sdk");
const cli = process.env.INFRAI_CLI || join(output(PYTHON, ["scripts/programs"], { cwd: REPOSITORY }), WINDOWS ? "infrai.exe" : "infrai");
const tarballs = output(process.execPath, ["bindings-node/scripts/local.mjs", "--out", join(work, "sdk"), "--debug"], { cwd: REPOSITORY }).split("\n");

console.log("== provider");
step(process.execPath, ["scripts/pack.mjs", "--out", join(work, "packs")]);
// The AI SDK is there; only the tarballs of @infrai/sdk are added.
step("npm", ["install", "--no-save", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error", ...tarballs], { shell: WINDOWS });
const checked = spawnSync(PYTHON, ["scripts/contents.py", join(work, "packs")], { cwd: REPOSITORY, stdio: ["ignore", "inherit", "inherit"] }).status;

const node = newEnough(process.execPath) ? process.execPath : pinned();
console.log(`== Node.js ${output(node, ["--version"])}`);
const files = readdirSync(join(ROOT, "test")).filter((name) => name.endsWith(".test.mjs")).map((name) => join(ROOT, "test", name));
const env = { ...process.env, INFRAI_CLI: cli, HOME: work, USERPROFILE: work };
for (const name of ["INFRAI_API_KEY", "INFRAI_BASE_URL", "INFRAI_PROFILE", "INFRAI_CREDENTIALS_FILE", "INFRAI_ALLOW_HTTP"]) delete env[name];
const tap = join(work, "report.tap");
const reporters = ["--test-reporter=spec", "--test-reporter-destination=stdout", "--test-reporter=tap", `--test-reporter-destination=${tap}`];
spawnSync(node, ["--test", "--test-timeout=120000", ...reporters, ...files], { cwd: ROOT, env, stdio: ["ignore", "inherit", "inherit"] });
const told = existsSync(tap) ? readFileSync(tap, "utf8") : "";
const number = (what) => Number(new RegExp(`^# ${what} (\\d+)$`, "m").exec(told)?.[1] ?? NaN);
const passed = (number("pass") || 0) + Number(checked === 0);
const bad = number("fail") + number("cancelled");
// A run that told nothing has failed.
const failed = (Number.isNaN(bad) ? 1 : bad) + Number(checked !== 0);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function newEnough(program) {
  return Number(output(program, ["-p", "process.versions.node"]).split(".")[0]) >= 22;
}

/** The Node.js that package-lock.json pins for this platform. */
function pinned() {
  const name = `node-${WINDOWS ? "win" : process.platform}-${process.arch}`;
  const program = join(ROOT, "node_modules", name, "bin", WINDOWS ? "node.exe" : "node");
  if (!existsSync(program)) throw new Error(`the AI SDK wants Node.js 22 or newer, and ${name} is not installed`);
  chmodSync(program, 0o755);
  return program;
}
