// Makes the tarballs that are published: the package itself, and one for each platform with its native module alone.
//
//   node scripts/pack.mjs --out FOLDER [--native TARGET=FILE]…
//
// The platform packages are optional dependencies of the package, at exactly its version: npm installs the one that fits.
// They are named here and not in the repository's package.json, since a version that is not published yet can be in no
// lockfile.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { platformDependencies, platformManifest } from "./platforms.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Declarations of what nobody imports. */
const INTERNAL = /[\\/](async-iterator|calls|delivery|environment|load|native|paths|unsupported)\.d\.m?ts$/;

const { values } = parseArgs({
  options: { out: { type: "string" }, native: { type: "string", multiple: true, default: [] } },
});
if (values.out === undefined) throw new Error("name the folder for the tarballs: --out FOLDER");
const out = resolve(values.out);
mkdirSync(out, { recursive: true });
const { scripts, devDependencies, name, ...described } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
const manifest = { name, version: version(), ...described };
/** The notices of what the native modules are built from: scripts/notices.py writes them. */
const notices = join(ROOT, "THIRD-PARTY-LICENSES.txt");
execFileSync(process.platform === "win32" ? "python" : "python3", [join(ROOT, "..", "scripts", "pages.py"), "node"]);

pack(
  { ...manifest, optionalDependencies: platformDependencies(manifest) },
  {
    dist: join(ROOT, "dist"),
    docs: join(ROOT, "docs"),
    "README.md": join(ROOT, "README.md"),
    LICENSE: join(ROOT, "..", "LICENSE"),
    // For resolvers that read no exports.
    "testing/package.json": { main: "../dist/testing.js", module: "../dist/testing.mjs", types: "../dist/testing.d.ts" },
    "webhooks/package.json": { main: "../dist/webhooks.js", module: "../dist/webhooks.mjs", types: "../dist/webhooks.d.ts" },
  },
);

for (const given of values.native) {
  const [target, file] = given.split("=");
  if (file === undefined) throw new Error(`--native takes TARGET=FILE; it got ${given}`);
  const platform = platformManifest(target, manifest);
  pack(platform, { [platform.main]: resolve(file), LICENSE: join(ROOT, "..", "LICENSE"), [basename(notices)]: notices });
}

/** The workspace's version, which every package has. */
function version() {
  const found = /^\[workspace\.package\]\nversion = "([^"]+)"/m.exec(readFileSync(join(ROOT, "..", "Cargo.toml"), "utf8"));
  if (found === null) throw new Error("Cargo.toml has no version directly below [workspace.package]");
  return found[1];
}

/** Packs a folder made of a manifest and copies of files; prints the tarball's path. */
function pack(manifest, files) {
  const folder = mkdtempSync(join(tmpdir(), "infrai-pack-"));
  try {
    writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
    for (const [name, from] of Object.entries(files)) {
      const to = join(folder, name);
      mkdirSync(dirname(to), { recursive: true });
      if (typeof from === "string") cpSync(from, to, { recursive: true, filter: (file) => !INTERNAL.test(file) });
      else writeFileSync(to, `${JSON.stringify(from, null, 2)}\n`);
    }
    const told = execFileSync("npm", ["pack", "--json", "--pack-destination", out], { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], shell: process.platform === "win32" });
    const packed = Object.values(JSON.parse(told))[0];
    console.log(join(out, packed.filename));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
