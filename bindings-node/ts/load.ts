// Finds the native module: beside this package while it is being built, else in the platform's own package.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { NativeModule } from "./native.js";

/** The target that this process needs, such as `linux-x64-gnu`. */
export function target(platform: string = process.platform, arch: string = process.arch): string {
  if (platform === "linux") return `linux-${arch}-${isMusl() ? "musl" : "gnu"}`;
  return platform === "win32" ? `win32-${arch}-msvc` : `${platform}-${arch}`;
}

/** Whether the system's C library is musl: ldd is a script there, and Node's own report says so where there is no ldd. */
function isMusl(): boolean {
  try {
    return readFileSync("/usr/bin/ldd", "latin1").includes("musl");
  } catch {
    const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
    return report?.header !== undefined && report.header.glibcVersionRuntime === undefined;
  }
}

/** Loads it, or says which package is missing and how to get it. */
export function load(name: string = target()): NativeModule {
  const local = join(__dirname, "..", `infrai.${name}.node`);
  if (existsSync(local)) return require(local) as NativeModule;

  const { version, optionalDependencies } = require("../package.json") as {
    version: string;
    optionalDependencies?: Record<string, string>;
  };
  const wanted = `@infrai/sdk-${name}`;
  const packages = Object.keys(optionalDependencies ?? {});
  if (!packages.includes(wanted)) {
    const targets = packages.map((known) => known.replace("@infrai/sdk-", ""));
    throw new Error(
      `@infrai/sdk ${version} has no native module for ${name}; it has them for ${targets.join(", ")}.`,
    );
  }
  try {
    return require(wanted) as NativeModule;
  } catch (error) {
    const code = (error as { code?: unknown } | null)?.code;
    const missing = code === "MODULE_NOT_FOUND" && String(error).includes(wanted);
    throw new Error(
      missing
        ? `@infrai/sdk needs the package ${wanted}, which is not installed. It is an optional dependency: ` +
            `npm leaves it out with --omit=optional, and a node_modules or lockfile made on another platform lacks it. ` +
            `Install it with: npm install ${wanted}@${version}`
        : `@infrai/sdk cannot load the package ${wanted}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}
