// Builds the npm package and tests it as people get it: packed, installed into an empty project, under each Node.js that
// can be had. Ends with `N passed, N failed`.
//
//   bindings-node/run-tests [--quick]       --quick: this Node.js alone, a debug build, and neither the documents' examples nor Bun and Deno
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
Object.assign(env, { INFRAI_TEST_PROJECT: project, INFRAI_TEST_TARBALL: tarballs[0], HOME: home, USERPROFILE: home });
for (const name of ["INFRAI_API_KEY", "INFRAI_BASE_URL", "INFRAI_PROFILE", "INFRAI_CREDENTIALS_FILE", "INFRAI_ALLOW_HTTP"]) delete env[name];

const files = readdirSync(join(ROOT, "test")).filter((name) => name.endsWith(".test.mjs") && !(quick && ["documents.test.mjs", "runtimes.test.mjs"].includes(name))).map((name) => join(ROOT, "test", name));
let [passed, failed] = [0, 0];
const count = (name, ok, bad) => {
  passed += ok;
  failed += bad;
  console.log(`${name}: ${ok} passed, ${bad} failed`);
};

if (!quick && !scenarios) count("contents of the packages", Number(checked === 0), Number(checked !== 0));

const { Bun: bun, Deno: deno, ...others } = quick || scenarios ? {} : runtimes();
Object.assign(env, bun && { INFRAI_BUN: bun }, deno && { INFRAI_DENO: deno });
for (const node of scenarios ? [] : [process.execPath, ...Object.values(others)]) {
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

/**
 * The programs of Bun, Deno and the other versions of Node.js, by the name of each: those that `test/runtimes/package-lock.json`
 * pins for this platform. One that is pinned and not there fails with CI=true; any other is skipped.
 */
function runtimes() {
  const pinned = join(ROOT, "test", "runtimes");
  const folder = join(CACHE, "runtimes");
  const files = ["package.json", "package-lock.json", ".npmrc"];
  const { arch, platform } = process;
  const file = (name) => `${name}${WINDOWS ? ".exe" : ""}`;
  const bun = `@oven/bun-${WINDOWS ? "windows" : platform}-${arch === "arm64" ? "aarch64" : arch}`;
  const deno = `@deno/${platform}-${arch}${platform === "linux" ? "-glibc" : ""}`;
  const wanted = { Bun: [bun, "bin", file("bun")], Deno: [deno, file("deno")] };
  for (const major of OTHERS) wanted[`Node.js ${major}`] = [`node-${major}-${WINDOWS ? "win" : platform}-${arch}`, "bin", file("node")];
  const path = ([name, ...rest]) => join(folder, "node_modules", name, ...rest);
  const same = (name) => existsSync(join(folder, name)) && readFileSync(join(folder, name), "utf8") === readFileSync(join(pinned, name), "utf8");
  const { optionalDependencies: listed } = JSON.parse(readFileSync(join(pinned, "package.json"), "utf8"));
  const names = Object.keys(wanted).filter((name) => wanted[name][0] in listed);
  let said = "";
  if (!files.every(same) || !names.every((name) => existsSync(path(wanted[name])))) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const name of files) copyFileSync(join(pinned, name), join(folder, name));
    said = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"], { cwd: folder, encoding: "utf8", shell: WINDOWS }).stderr.trim().split("\n")[0];
  }
  const found = {};
  for (const name of Object.keys(wanted)) {
    if (existsSync(path(wanted[name]))) {
      found[name] = path(wanted[name]);
      chmodSync(found[name], 0o755);
    } else if (process.env.CI === "true" && names.includes(name)) {
      console.log(`${name} is pinned, and could not be installed: ${said}`);
      count(name, 0, 1);
    } else {
      console.log(`SKIPPED ${name}: ${names.includes(name) ? said : `no ${wanted[name][0]} is pinned`}`);
    }
  }
  return found;
}
