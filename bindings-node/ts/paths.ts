// Paths of files, as people give them.

import { fileURLToPath } from "node:url";

/** A path, from a `file:` URL too; what to throw for any other URL is the caller's to say. */
export function pathOf(
  path: string | URL | null | undefined,
  refuse: (expected: string, got: string) => Error,
): string | null | undefined {
  if (!(path instanceof URL)) return path;
  try {
    return fileURLToPath(path);
  } catch {
    throw refuse("a path, or a file: URL that names a file of this machine", `the URL ${path.href.slice(0, 120)}`);
  }
}
