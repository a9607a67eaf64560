// The published package: its forms, its types, and its message where it cannot run.

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { PROJECT, require, sdk } from "./helper.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TARBALL = process.env.INFRAI_TEST_TARBALL;
const run = promisify(execFile);
const bin = (name) => join(ROOT, "node_modules", ".bin", name);
/** Runs a program in the project; what it printed, also when it failed. */
const told = (program, args, cwd = PROJECT) =>
  run(program, args, { cwd }).then(
    ({ stdout, stderr }) => ({ code: 0, text: stdout + stderr }),
    ({ code, stdout, stderr }) => ({ code, text: stdout + stderr }),
  );

test("publint and arethetypeswrong find nothing in the tarball", async () => {
  const lint = await told(bin("publint"), [TARBALL, "--strict"]);
  assert.deepEqual([lint.code, /All good/.test(lint.text)], [0, true], lint.text);
  const types = await told(bin("attw"), [TARBALL, "--no-color"]);
  assert.deepEqual([types.code, /No problems found/.test(types.text)], [0, true], types.text);
});

test("the tarball holds what a user needs and no more", () => {
  const names = execFileSync("tar", ["tzf", TARBALL], { encoding: "utf8" }).trim().split("\n");
  const strange = names.filter((name) => !/^package\/(dist\/[a-z-]+(\.d)?\.m?[jt]s|(testing|webhooks)\/package\.json|docs\/[a-z-]+\.md|package\.json|README\.md|LICENSE)$/.test(name));
  assert.deepEqual(strange, []);
  assert.deepEqual(names.filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts")), []);
});

test("the package has the documentation of its version, and the types name it", () => {
  const { version } = require("@infrai/sdk/package.json");
  const first = require.resolve("@infrai/sdk/docs/index.md");
  assert.ok(readFileSync(first, "utf8").includes(`\`@infrai/sdk\` ${version},`));
  const pages = readdirSync(join(first, ".."));
  assert.ok(pages.includes("errors.md") && pages.every((name) => name.endsWith(".md")), pages.join());
  const bytes = pages.reduce((sum, name) => sum + statSync(join(first, "..", name)).size, 0);
  assert.ok(bytes <= 200_000, String(bytes));
  const installed = join(PROJECT, "node_modules/@infrai/sdk");
  for (const file of ["dist/index.d.ts", "README.md"]) assert.ok(readFileSync(join(installed, file), "utf8").includes("node_modules/@infrai/sdk/docs/index.md"), file);
});

test("the platform packages are optional dependencies at exactly this version, and nothing else is a dependency", () => {
  const { version, dependencies, optionalDependencies, scripts, devDependencies } = require("@infrai/sdk/package.json");
  assert.deepEqual([dependencies, scripts, devDependencies], [undefined, undefined, undefined]);
  const targets = ["darwin-arm64", "darwin-x64", "linux-arm64-gnu", "linux-arm64-musl", "linux-x64-gnu", "linux-x64-musl", "win32-arm64-msvc", "win32-x64-msvc"];
  assert.deepEqual(optionalDependencies, Object.fromEntries(targets.map((target) => [`@infrai/sdk-${target}`, version])));
});

test("a platform's package says where it fits, and npm takes it nowhere else", async () => {
  const { platformManifest } = await import("../scripts/platforms.mjs");
  const manifest = require("@infrai/sdk/package.json");
  const fits = (target) => {
    const { name, version, os, cpu, libc, main, files } = platformManifest(target, manifest);
    assert.deepEqual([name, version, main, files], [`@infrai/sdk-${target}`, manifest.version, `infrai.${target}.node`, [main, "THIRD-PARTY-LICENSES.txt"]]);
    return [os, cpu, libc];
  };
  assert.deepEqual(fits("linux-x64-musl"), [["linux"], ["x64"], ["musl"]]);
  assert.deepEqual(fits("linux-arm64-gnu"), [["linux"], ["arm64"], ["glibc"]]);
  assert.deepEqual(fits("win32-arm64-msvc"), [["win32"], ["arm64"], undefined]);
  assert.throws(() => fits("sunos-x64"), /there is no platform sunos-x64/);
  // The one that is installed here is the one of this machine, made by the same list.
  const { target } = require(join(PROJECT, "node_modules/@infrai/sdk/dist/load.js"));
  const { optionalDependencies, ...here } = require(join(PROJECT, `node_modules/@infrai/sdk-${target()}/package.json`));
  assert.deepEqual(here, JSON.parse(JSON.stringify(platformManifest(target(), manifest))));
});

test("what the release tries on each platform works on this one", async () => {
  cpSync(join(ROOT, "test/smoke.mjs"), join(PROJECT, "smoke.mjs"));
  assert.deepEqual(await told(process.execPath, ["smoke.mjs"]), { code: 0, text: "@infrai/sdk works\n" });
});

test("the version is the crate's", () => {
  const workspace = readFileSync(join(ROOT, "..", "Cargo.toml"), "utf8");
  assert.equal(require("@infrai/sdk/package.json").version, /^version = "(.*)"$/m.exec(workspace)[1]);
});

test("require and import give the same classes", async () => {
  writeFileSync(
    join(PROJECT, "both.mjs"),
    `import * as esm from "@infrai/sdk"; import { createRequire } from "node:module";
     const cjs = createRequire(import.meta.url)("@infrai/sdk");
     console.log(Object.keys(cjs).every((name) => esm[name] === cjs[name]), Object.keys(cjs).length > 15);`,
  );
  assert.equal((await told(process.execPath, ["both.mjs"])).text.trim(), "true true");
});

for (const condition of ["browser", "worker", "workerd", "edge-light"]) {
  test(`under the condition ${condition} an import says why it cannot be`, async () => {
    for (const entry of ["@infrai/sdk", "@infrai/sdk/testing"]) {
      for (const args of [["--input-type=module", "-e", `import { InfraiClient } from "${entry === "@infrai/sdk" ? entry : "@infrai/sdk"}"; import "${entry}";`], ["-e", `require("${entry}")`]]) {
        const { code, text } = await told(process.execPath, ["-C", condition, ...args]);
        assert.deepEqual([code, /runs in Node\.js 20 or newer/.test(text)], [1, true], text);
      }
    }
  });
}

test("what other runtimes get has every name of the real exports", () => {
  const text = readFileSync(join(PROJECT, "node_modules/@infrai/sdk/dist/unsupported.mjs"), "utf8");
  const names = [...text.matchAll(/nothing as (\w+)/g)].map(([, name]) => name).sort();
  assert.deepEqual(names, [...Object.keys(sdk), ...Object.keys(require("@infrai/sdk/testing"))].sort());
});

test("no two files import values from one another in a circle", () => {
  const dist = join(PROJECT, "node_modules/@infrai/sdk/dist");
  const imports = (name) => [...readFileSync(join(dist, name), "utf8").matchAll(/require\("\.\/([a-z-]+\.js)"\)/g)].map(([, other]) => other);
  const visit = (name, above) => {
    assert.ok(!above.includes(name), [...above, name].join(" -> "));
    for (const other of imports(name)) visit(other, [...above, name]);
  };
  for (const name of readdirSync(dist).filter((name) => name.endsWith(".js"))) visit(name, []);
});

/** A copy of the installed package without its platform package. */
function bare() {
  const folder = mkdtempSync(join(tmpdir(), "infrai-bare-"));
  cpSync(join(PROJECT, "node_modules/@infrai/sdk"), join(folder, "node_modules/@infrai/sdk"), { recursive: true });
  return folder;
}

test("a missing platform package is named, with how to get it, at the first client and not at import", async () => {
  const { version } = require("@infrai/sdk/package.json");
  const source = 'const { InfraiClient } = require("@infrai/sdk"); console.log("imported"); new InfraiClient();';
  const { code, text } = await told(process.execPath, ["-e", source], bare());
  const { target } = require(join(PROJECT, "node_modules/@infrai/sdk/dist/load.js"));
  assert.ok(code === 1 && text.startsWith("imported") && text.includes(`npm install @infrai/sdk-${target()}@${version}`), text);
});

test("a platform without a native module is named, with those that have one", () => {
  const { load, target } = require(join(PROJECT, "node_modules/@infrai/sdk/dist/load.js"));
  assert.throws(() => load(target("freebsd", "riscv64")), /no native module for freebsd-riscv64; it has them for darwin-arm64, .*win32-x64-msvc/);
  assert.deepEqual([target("win32", "arm64"), target("darwin", "x64")], ["win32-arm64-msvc", "darwin-x64"]);
});

test("a native module that cannot be loaded is told with its reason", async () => {
  const folder = bare();
  const { target } = require(join(PROJECT, "node_modules/@infrai/sdk/dist/load.js"));
  const own = join(folder, `node_modules/@infrai/sdk-${target()}`);
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, "package.json"), JSON.stringify({ name: `@infrai/sdk-${target()}`, main: "x.node" }));
  writeFileSync(join(own, "x.node"), "not a library");
  const { text } = await told(process.execPath, ["-e", 'new (require("@infrai/sdk").InfraiClient)()'], folder);
  assert.match(text, /cannot load the package @infrai\/sdk-\S+: .*x\.node/s);
});

const TYPES = readFileSync(fileURLToPath(new URL("types.ts", import.meta.url)), "utf8");
for (const [resolution, module] of [["node16", "node16"], ["nodenext", "nodenext"], ["bundler", "esnext"]]) {
  for (const extension of ["mts", "cts"]) {
    if (resolution === "bundler" && extension === "cts") continue;
    test(`the types pass tsc --strict under ${resolution} from a .${extension} file`, async () => {
      const folder = join(PROJECT, `types-${resolution}-${extension}`);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, `index.${extension}`), TYPES);
      const args = ["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--skipLibCheck", "false", "--noEmit"];
      args.push("--moduleResolution", resolution, "--module", module, "--target", "es2022", "--lib", "es2022");
      args.push("--types", "node", "--typeRoots", join(ROOT, "node_modules/@types"), `index.${extension}`);
      const { code, text } = await told(bin("tsc"), args, folder);
      assert.equal(code, 0, text);
    });
  }
}

test("the package's own folder in the repository holds no build of it", () => {
  const ignored = readFileSync(join(ROOT, ".gitignore"), "utf8");
  assert.ok(ignored.includes("/dist/") && ignored.includes("/*.node"));
  assert.ok(existsSync(join(ROOT, "package-lock.json")));
  assert.ok(!readFileSync(join(ROOT, "package-lock.json"), "utf8").includes('"resolved"'));
  assert.ok(readdirSync(join(ROOT, "test")).includes("types.ts"));
});
