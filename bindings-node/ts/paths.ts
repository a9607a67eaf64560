// Paths of files, as people give them.

import { fileURLToPath } from "node:url";

/** A path, from a `file:` URL too. */
export function pathOf(path: string | URL | null | undefined): string | null | undefined {
  return path instanceof URL ? fileURLToPath(path) : path;
}
