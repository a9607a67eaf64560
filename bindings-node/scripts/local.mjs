// Builds and packs the npm package for this machine alone, from a checkout; prints the paths of its two tarballs.
//
//   node bindings-node/scripts/local.mjs --out FOLDER [--debug]     --debug: a quick build of a slower module
//
// npm install FOLDER/*.tgz then installs it into a project.

import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { library } from "./platforms.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const REPOSITORY = join(ROOT, "..");

const { values } = parseArgs({ options: { out: { type: "string" }, debug: { type: "boolean", default: false } } });
if (values.out === undefined) throw new Error("name the folder for the tarballs: --out FOLDER");

const shell = process.platform === "win32";
// Only the tarballs' paths are printed as output.
const step = (program, args, options = {}) => execFileSync(program, args, { cwd: ROOT, stdio: ["ignore", 2, "inherit"], ...options });

console.error("== dev tools");
step("npm", ["ci", "--no-audit", "--no-fund", "--loglevel", "error"], { shell });

console.error("== native module");
const python = process.platform === "win32" ? "python" : "python3";
const build = ["cargo", "build", "--locked", "-p", "infrai-node"];
const [program, ...words] = values.debug ? build : [python, "scripts/release-build", ...build, "--release"];
step(program, words, { cwd: REPOSITORY });
step(python, ["scripts/third-party-licenses", "bindings-node"], { cwd: REPOSITORY });
const metadata = JSON.parse(execFileSync("cargo", ["metadata", "--no-deps", "--format-version", "1"], { cwd: REPOSITORY, maxBuffer: 1 << 26 }));
const built = join(metadata.target_directory, values.debug ? "debug" : "release", library(process.platform));

console.error("== package");
rmSync(join(ROOT, "dist"), { recursive: true, force: true });
step("npx", ["--no-install", "tsc", "-p", "."], { shell });
const { target } = (await import(new URL("../dist/load.js", import.meta.url).href)).default;
step(process.execPath, ["scripts/pack.mjs", "--out", resolve(values.out), "--native", `${target()}=${built}`], { stdio: ["ignore", "inherit", "inherit"] });
