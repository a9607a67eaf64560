// Builds and packs the npm package for this machine alone, from a checkout; prints the paths of its two tarballs.
//
//   node bindings-node/scripts/local.mjs --out FOLDER [--debug]     --debug: a quick build of a slower module
//   node bindings-node/scripts/local.mjs --develop                  packs nothing: a debug build for this folder itself
//
// npm install FOLDER/*.tgz then installs it into a project; after --develop, npm install …/bindings-node links to the checkout.

import { execFileSync } from "node:child_process";
import { copyFileSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { library } from "./platforms.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const REPOSITORY = join(ROOT, "..");

const { values } = parseArgs({ options: { out: { type: "string" }, debug: { type: "boolean", default: false }, develop: { type: "boolean", default: false } } });
const debug = values.debug || values.develop;
if (values.out === undefined && !values.develop) throw new Error("name the folder for the tarballs: --out FOLDER");

const shell = process.platform === "win32";
// Only the tarballs' paths are printed as output.
const step = (program, args, options = {}) => execFileSync(program, args, { cwd: ROOT, stdio: ["ignore", 2, "inherit"], ...options });

console.error("== dev tools");
const age = (file) => statSync(join(ROOT, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
if (age("node_modules/.package-lock.json") < age("package-lock.json")) step("npm", ["ci", "--no-audit", "--no-fund", "--loglevel", "error"], { shell });

console.error("== native module");
const python = process.platform === "win32" ? "python" : "python3";
let folder;
if (debug) {
  folder = execFileSync(python, ["scripts/programs"], { cwd: REPOSITORY, encoding: "utf8" }).trim();
} else {
  step(python, ["scripts/release_build.py", "cargo", "build", "--locked", "-p", "infrai-node", "--release"], { cwd: REPOSITORY });
  const metadata = JSON.parse(execFileSync("cargo", ["metadata", "--no-deps", "--format-version", "1"], { cwd: REPOSITORY, maxBuffer: 1 << 26 }));
  folder = join(metadata.target_directory, "release");
}
const built = join(folder, library(process.platform));
if (!values.develop) step(python, ["scripts/notices.py", "bindings-node"], { cwd: REPOSITORY });

console.error("== package");
rmSync(join(ROOT, "dist"), { recursive: true, force: true });
step("npx", ["--no-install", "tsc", "-p", "."], { shell });
const { target } = (await import(new URL("../dist/load.js", import.meta.url).href)).default;
if (values.develop) {
  copyFileSync(built, join(ROOT, `infrai.${target()}.node`));
  step(python, ["scripts/pages.py", "node"], { cwd: REPOSITORY });
} else step(process.execPath, ["scripts/pack.mjs", "--out", resolve(values.out), "--native", `${target()}=${built}`], { stdio: ["ignore", "inherit", "inherit"] });
