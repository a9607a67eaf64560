// Paths of files.

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Returns the path of a `file:` URL, and any other value unchanged. `invalid` makes the error of another URL. */
export function fromFileUrl(
  path: string | URL | null | undefined,
  invalid: (expected: string, got: string) => Error,
): string | null | undefined {
  if (!(path instanceof URL)) return path;
  try {
    return fileURLToPath(path);
  } catch {
    throw invalid("a path, or a file: URL that names a file of this machine", `the URL ${path.href.slice(0, 120)}`);
  }
}

/** Returns the absolute path of a file, from the current folder of this moment. The native module rejects an empty path. */
export function absolutePath(path: string | URL, invalid: (expected: string, got: string) => Error): unknown {
  const found = fromFileUrl(path, invalid);
  return typeof found === "string" && found !== "" ? resolve(found) : found;
}
