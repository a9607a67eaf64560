// Compiles the provider and makes the tarball that is published. It needs the declarations of @infrai/sdk in bindings-node/dist.
//
//   node scripts/pack.mjs --out FOLDER
//
// The version, and the peer that has it, come from the workspace: a version that is not published yet can be in no lockfile.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const REPOSITORY = join(ROOT, "..", "..");
/** Declarations that no exported type refers to. */
const INTERNAL = /[\\/](errors|video-model)\.d\.ts$/;

const { values } = parseArgs({ options: { out: { type: "string" } } });
if (values.out === undefined) throw new Error("name the folder for the tarball: --out FOLDER");
const out = resolve(values.out);
mkdirSync(out, { recursive: true });

// Only the tarball's path is printed as output.
const options = { cwd: ROOT, stdio: ["ignore", 2, "inherit"], shell: process.platform === "win32" };
const age = (file) => statSync(join(ROOT, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
if (age("node_modules/.package-lock.json") < age("package-lock.json")) {
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"], options);
}
rmSync(join(ROOT, "dist"), { recursive: true, force: true });
execFileSync("npx", ["--no-install", "tsc", "-p", "."], options);

const [, version] = /^\[workspace\.package\]\nversion = "([^"]+)"/m.exec(readFileSync(join(REPOSITORY, "Cargo.toml"), "utf8"));
const { scripts, devDependencies, optionalDependencies, name, ...described } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
const manifest = { name, version, ...described, peerDependencies: { "@infrai/sdk": `^${version}` } };

const folder = mkdtempSync(join(tmpdir(), "infrai-pack-"));
try {
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  cpSync(join(ROOT, "dist"), join(folder, "dist"), { recursive: true, filter: (file) => !INTERNAL.test(file) });
  for (const [file, from] of [["README.md", ROOT], ["LICENSE", REPOSITORY]]) cpSync(join(from, file), join(folder, file));
  const told = execFileSync("npm", ["pack", "--json", "--pack-destination", out], { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], shell: process.platform === "win32" });
  console.log(join(out, Object.values(JSON.parse(told))[0].filename));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
