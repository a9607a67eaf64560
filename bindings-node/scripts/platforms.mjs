// The platforms that the package has a native module for: the one list that the packages, their loader and the release are
// made of.

import { fileURLToPath } from "node:url";

/**
 * `target` is the platform as packages are named; `triple` as Rust calls it; `runner` the machine that builds it, `tests`
 * the one that runs it. With `zig`, the linker is Zig's, for a C library older than the builder's or another.
 */
export const PLATFORMS = [
  { target: "darwin-arm64", triple: "aarch64-apple-darwin", runner: "macos-15", tests: "macos-15" },
  { target: "darwin-x64", triple: "x86_64-apple-darwin", runner: "macos-15", tests: "macos-15-intel" },
  { target: "linux-arm64-gnu", triple: "aarch64-unknown-linux-gnu", zig: ".2.17", runner: "ubuntu-24.04-arm", tests: "ubuntu-24.04-arm" },
  { target: "linux-arm64-musl", triple: "aarch64-unknown-linux-musl", zig: "", runner: "ubuntu-24.04-arm", tests: "ubuntu-24.04-arm" },
  { target: "linux-x64-gnu", triple: "x86_64-unknown-linux-gnu", zig: ".2.17", runner: "ubuntu-24.04", tests: "ubuntu-24.04" },
  { target: "linux-x64-musl", triple: "x86_64-unknown-linux-musl", zig: "", runner: "ubuntu-24.04", tests: "ubuntu-24.04" },
  { target: "win32-arm64-msvc", triple: "aarch64-pc-windows-msvc", runner: "windows-11-arm", tests: "windows-11-arm" },
  { target: "win32-x64-msvc", triple: "x86_64-pc-windows-msvc", runner: "windows-2025", tests: "windows-2025" },
];

export const TARGETS = PLATFORMS.map(({ target }) => target);

/** The file that Rust builds a module as, in the folder of its profile. */
export function library(target) {
  return { darwin: "libinfrai_node.dylib", win32: "infrai_node.dll" }[target.split("-")[0]] ?? "libinfrai_node.so";
}

/** The `package.json` of a platform's package, to go with that of the package itself. */
export function platformManifest(target, { name, version, license, author, homepage, repository, engines }) {
  if (!TARGETS.includes(target)) throw new Error(`there is no platform ${target}; there are ${TARGETS.join(", ")}`);
  const [os, cpu, libc] = target.split("-");
  const main = `infrai.${target}.node`;
  return {
    name: `${name}-${target}`,
    version,
    description: `The native module of ${name} for ${target}`,
    license,
    author,
    homepage,
    repository,
    engines,
    os: [os],
    cpu: [cpu],
    ...(os === "linux" && { libc: [libc === "musl" ? "musl" : "glibc"] }),
    main,
    files: [main, "THIRD-PARTY-LICENSES.txt"],
  };
}

/** What the package itself depends on: each platform's package, at exactly its version. */
export function platformDependencies({ name, version }) {
  return Object.fromEntries(TARGETS.map((target) => [`${name}-${target}`, version]));
}

// As a program, it prints the list as JSON: what the release's jobs are made of.
if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(JSON.stringify(PLATFORMS));
