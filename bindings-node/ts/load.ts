// Loader of the native module: beside this package in a checkout, else in the platform's own package.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { NativeModule } from "./native.js";

/** Returns the target of this process, such as `linux-x64-gnu`. */
export function target(platform: string = process.platform, arch: string = process.arch): string {
  if (platform === "linux") return `linux-${arch}-${isMusl() ? "musl" : "gnu"}`;
  return platform === "win32" ? `win32-${arch}-msvc` : `${platform}-${arch}`;
}

/** Returns whether the system's C library is musl. Its `ldd` is a script that says so; without one, Node's report does. */
function isMusl(): boolean {
  try {
    return readFileSync("/usr/bin/ldd", "latin1").includes("musl");
  } catch (error) {
    // Deno's sentence says what to do: "Requires read access …, run again with the --allow-read flag".
    if ((error as Error).name === "NotCapable") throw error;
    const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
    return report?.header !== undefined && report.header.glibcVersionRuntime === undefined;
  }
}

/** Loads the native module. The error of a missing package says how to install it. */
export function load(name: string = target()): NativeModule {
  const local = join(__dirname, "..", `infrai.${name}.node`);
  if (existsSync(local)) return require(local) as NativeModule;

  const { version, optionalDependencies } = require("../package.json") as {
    version: string;
    optionalDependencies?: Record<string, string>;
  };
  const packageName = `@infrai/sdk-${name}`;
  const packages = Object.keys(optionalDependencies ?? {});
  if (!packages.includes(packageName)) {
    const targets = packages.map((known) => known.replace("@infrai/sdk-", ""));
    throw new Error(
      `@infrai/sdk ${version} has no native module for ${name}; it has them for ${targets.join(", ")}.`,
    );
  }
  try {
    return require(packageName) as NativeModule;
  } catch (error) {
    const code = (error as { code?: unknown } | null)?.code;
    const missing = code === "MODULE_NOT_FOUND" && String(error).includes(packageName);
    throw new Error(
      missing
        ? `@infrai/sdk needs the package ${packageName}, which is not installed. It is an optional dependency: ` +
            `npm leaves it out with --omit=optional, and a node_modules or lockfile made on another platform lacks it. ` +
            `Install it with: npm install ${packageName}@${version}`
        : `@infrai/sdk cannot load the package ${packageName}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}
