// This realm's environment variables, for the native module: a worker's, or a test runner's, are not the process's.

import type { Bridge } from "./native.js";

let names: string[] | undefined;
let handed: (string | null)[] = [];
let home: string | null | undefined;

/** Hands the native module the variables that it reads, where they changed since the last call. */
export function handVariables(bridge: Bridge): void {
  names ??= bridge.variables();
  const { env } = process;
  let changed = handed.length === 0;
  const values = names.map((name, at) => {
    // A test runner's environment is an ordinary object, which may hold anything.
    const value: unknown = env[name] ?? fallback(name);
    const text = value === null ? null : String(value);
    changed ||= text !== handed[at];
    return text;
  });
  if (changed) bridge.setVariables((handed = values));
}

/** The home folder that the system knows of the user, for an environment that names none. */
function fallback(name: string): string | null {
  if (name !== "HOME" && name !== "USERPROFILE") return null;
  if (home === undefined) {
    try {
      home = (require("node:os") as typeof import("node:os")).userInfo().homedir;
    } catch {
      // A container's user may be in no list.
      home = null;
    }
  }
  return home;
}
