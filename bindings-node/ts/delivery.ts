// Arguments of a verification as bytes and text, for both of its implementations.

import { invalidArgument, type Trace } from "./errors.js";
import type { WebhookBytes, WebhookHeader } from "./types.js";

/** Returns a body or a secret as bytes. An error shows the type alone: the value may be a secret. */
export function toBytes(field: "body" | "secret", value: WebhookBytes, trace?: Trace): Uint8Array {
  if (typeof value === "string") return new TextEncoder().encode(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  // Not `instanceof`: a test runner's realm has its own class.
  if (Object.prototype.toString.call(value) === "[object ArrayBuffer]") return new Uint8Array(value);
  const expected = field === "body" ? "the raw body as a Uint8Array or a string, not parsed" : "a string or a Uint8Array";
  throw invalidArgument(field, expected, `a value of type ${value === null ? "null" : typeof value}`, trace);
}

/** Returns the text of a header. One that was sent twice is malformed, as it is for the server that joins both. */
export function toText(header: WebhookHeader, trace?: Trace): string | undefined {
  if (header === undefined || header === null || typeof header === "string") return header ?? undefined;
  if (Array.isArray(header)) return header.join(", ");
  throw invalidArgument("header", "the value of X-Infrai-Signature: a string, or undefined", `a value of type ${typeof header}`, trace);
}
