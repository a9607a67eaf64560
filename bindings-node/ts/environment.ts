// Environment variables of this realm for the native module: a worker or a test runner has its own.

import type { NativeBinding } from "./native.js";

let names: string[] | undefined;
let current: (string | null)[] = [];
let home: string | null | undefined;

/** Passes the variables that the core reads to the native module, if one has changed since the last call. */
export function updateVariables(binding: NativeBinding): void {
  names ??= binding.variables();
  const { env } = process;
  let changed = current.length === 0;
  const values = names.map((name, at) => {
    // The environment of a test runner is an ordinary object with any values.
    const value: unknown = env[name] ?? fallback(name);
    const text = value === null ? null : String(value);
    changed ||= text !== current[at];
    return text;
  });
  if (changed) binding.setVariables((current = values));
}

/** Returns the user's home folder as the system knows it, for an environment without one. */
function fallback(name: string): string | null {
  if (name !== "HOME" && name !== "USERPROFILE") return null;
  if (home === undefined) {
    try {
      home = (require("node:os") as typeof import("node:os")).userInfo().homedir;
    } catch {
      // A container's user may be unknown to the system.
      home = null;
    }
  }
  return home;
}
