// Builds the npm package and tests it as people get it: packed, installed into an empty project, under each Node.js that
// can be had. Ends with `N passed, N failed`.
//
//   bindings-node/run-tests [--quick]       --quick: this Node.js alone, a debug build, and not the documents' examples
//   bindings-node/run-tests conformance     the conformance scenarios alone
//
// INFRAI_CLI and INFRAI_CONFORMANCE_SERVER name the command and the scripted server; without them they are built.

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const REPOSITORY = join(ROOT, "..");
const CACHE = join(REPOSITORY, ".cache", "node");
/** The other versions of Node.js that the package promises to run under. */
const OTHERS = ["22", "24"];
/** npm is a script there, which only a shell runs. */
const WINDOWS = process.platform === "win32";
const quick = process.argv.includes("--quick");
const scenarios = process.argv.includes("conformance");

const step = (program, args, options = {}) => execFileSync(program, args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"], ...options });
const PYTHON = WINDOWS ? "python" : "python3";

console.log("== command");
const programs = { INFRAI_CLI: "infrai", INFRAI_CONFORMANCE_SERVER: "infrai-conformance-server" };
const env = { ...process.env };
for (const [name, program] of Object.entries(programs)) {
  env[name] ||= join(execFileSync(PYTHON, ["scripts/programs"], { cwd: REPOSITORY, encoding: "utf8" }).trim(), program);
}

console.log("== package");
const work = mkdtempSync(join(tmpdir(), "infrai-node-test-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));
const local = ["scripts/local.mjs", "--out", join(work, "packs"), ...(quick ? ["--debug"] : [])];
const packed = execFileSync(process.execPath, local, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
const tarballs = packed.trim().split("\n");
// A debug build is larger than what is published, and has this machine's paths.
const checked = quick ? 0 : spawnSync(PYTHON, ["scripts/contents.py", join(work, "packs")], { cwd: REPOSITORY, stdio: ["ignore", "inherit", "inherit"] }).status;
const project = join(work, "project");
mkdirSync(project);
writeFileSync(join(project, "package.json"), '{ "name": "empty", "private": true }\n');
// The other platforms' packages are optional, and not asked for anywhere.
step("npm", ["install", "--offline", "--no-audit", "--no-fund", "--loglevel", "error", ...tarballs], { cwd: project, shell: WINDOWS });

const home = join(work, "home");
mkdirSync(home);
Object.assign(env, runtimes());
Object.assign(env, { INFRAI_TEST_PROJECT: project, INFRAI_TEST_TARBALL: tarballs[0], HOME: home, USERPROFILE: home });
for (const name of ["INFRAI_API_KEY", "INFRAI_BASE_URL", "INFRAI_PROFILE", "INFRAI_CREDENTIALS_FILE", "INFRAI_ALLOW_HTTP"]) delete env[name];

const files = readdirSync(join(ROOT, "test")).filter((name) => name.endsWith(".test.mjs") && !(quick && name === "documents.test.mjs")).map((name) => join(ROOT, "test", name));
let [passed, failed] = [0, 0];
const count = (name, ok, bad) => {
  passed += ok;
  failed += bad;
  console.log(`${name}: ${ok} passed, ${bad} failed`);
};

if (!quick && !scenarios) count("contents of the packages", Number(checked === 0), Number(checked !== 0));

for (const node of scenarios ? [] : [process.execPath, ...(quick ? [] : OTHERS.flatMap(other))]) {
  const version = execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
  console.log(`== Node.js ${version}`);
  const tap = join(work, `${version}.tap`);
  const reporters = ["--test-reporter=dot", "--test-reporter-destination=stdout", "--test-reporter=tap", `--test-reporter-destination=${tap}`];
  spawnSync(node, ["--test", "--test-timeout=300000", ...reporters, ...files], {
    cwd: ROOT,
    env: { ...env, INFRAI_TEST_FIRST: node === process.execPath ? "1" : "" },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const told = existsSync(tap) ? readFileSync(tap, "utf8") : "";
  const number = (what) => Number(new RegExp(`^# ${what} (\\d+)$`, "m").exec(told)?.[1] ?? NaN);
  const bad = number("fail") + number("cancelled");
  for (const [, name, reason] of told.matchAll(/^ *ok \d+ - (.*) # SKIP (.*)$/gm)) console.log(`SKIPPED ${name}: ${reason}`);
  // A run that told nothing has failed.
  count(`Node.js ${version}`, number("pass") || 0, Number.isNaN(bad) ? 1 : bad);
  if (bad !== 0) console.log(told.split(/^(?=# Subtest)/m).filter((text) => /^not ok/m.test(text)).join(""));
}

if (scenarios || quick) {
  console.log("== conformance");
  const sdk = join(project, "node_modules", "@infrai", "sdk");
  const played = spawnSync(process.execPath, [join(ROOT, "conformance.mjs")], { env: { ...env, INFRAI_SDK: sdk }, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  process.stdout.write(played.stdout);
  const [, ok, bad] = /^(\d+) passed, (\d+) failed$/m.exec(played.stdout) ?? [, 0, 1];
  count("conformance", Number(ok), Number(bad));
}

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

/** The programs of Bun and Deno, as the npm registry gives them. What it does not give, the tests skip. */
function runtimes() {
  const folder = join(CACHE, "runtimes");
  const platform = WINDOWS ? "windows" : process.platform;
  const program = (name) => `${name}${WINDOWS ? ".exe" : ""}`;
  const libc = { linux: "-glibc", win32: "" }[process.platform] ?? "";
  const deno = `@deno/${process.platform}-${process.arch}${libc}`;
  const bun = `@oven/bun-${platform}-${process.arch === "arm64" ? "aarch64" : process.arch}`;
  const paths = { INFRAI_BUN: join(folder, "node_modules", bun, "bin", program("bun")), INFRAI_DENO: join(folder, "node_modules", deno, program("deno")) };
  if (!Object.values(paths).every(existsSync)) {
    mkdirSync(folder, { recursive: true });
    copyFileSync(join(ROOT, ".npmrc"), join(folder, ".npmrc"));
    writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
    spawnSync("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error", `${bun}@1`, `${deno}@2`], { cwd: folder, stdio: "ignore", shell: WINDOWS });
  }
  const found = Object.entries(paths).filter(([, path]) => existsSync(path));
  for (const [, path] of found) chmodSync(path, 0o755);
  return Object.fromEntries(found);
}

/** Another version of Node.js, as the npm registry gives it; none, with the reason, where it does not. */
function other(major) {
  const folder = join(CACHE, major);
  const name = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  const node = join(folder, "node_modules", name, "bin", "node");
  if (existsSync(node)) return [node];
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(ROOT, ".npmrc"), join(folder, ".npmrc"));
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  const got = spawnSync("npm", ["install", "--no-audit", "--no-fund", "--loglevel", "error", `${name}@${major}`], { cwd: folder, encoding: "utf8", shell: WINDOWS });
  if (existsSync(node)) return [node];
  console.log(`SKIPPED Node.js ${major}: the registry gives no ${name}@${major} (${got.stderr.trim().split("\n")[0]})`);
  return [];
}
