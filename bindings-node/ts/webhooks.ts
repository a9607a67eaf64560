// Verification of webhook deliveries with Web Crypto: `@infrai/sdk/webhooks`, which runs where no native module can.

import { toBytes, toText } from "./delivery.js";
import { infraiError, WebhookVerificationError, type Trace } from "./errors.js";
import type { VideoJob, WebhookBytes, WebhookEvent, WebhookHeader } from "./types.js";

export { InfraiError, InvalidRequestError, WebhookVerificationError } from "./errors.js";
export type { WebhookBytes, WebhookEvent, WebhookHeader } from "./types.js";

/** Messages and hints of the core's `webhooks` module. The conformance scenarios compare both. */
const REASONS = {
  secret_empty: [
    "the secret of the webhook is empty",
    "Pass the secret that the webhook was registered with, for example from an environment variable. Check that the variable is set.",
  ],
  signature_missing: [
    "the request has no signature",
    "Pass the value of the header X-Infrai-Signature. Answer a request without one with 400: it does not come from Infrai.",
  ],
  signature_malformed: [
    'the signature is not 64 hexadecimal digits, with or without "sha256=" before them',
    "Pass the whole value of the header X-Infrai-Signature, unchanged. Answer such a request with 400.",
  ],
  signature_mismatch: [
    "the signature does not belong to this body and secret",
    "Pass the raw body as it was received, not a parsed and rewritten one, and the secret of this webhook's registration. If both are right, the request does not come from Infrai: answer it with 400.",
  ],
  body_invalid: ["the signature is right, but the body is not a JSON object", "Report the delivery to Infrai, and answer it with 400."],
} as const;

const SPACE = "[ \\t\\n\\f\\r]*";
const SIGNATURE = new RegExp(`^${SPACE}(?:sha256=)?([0-9a-f]{64})${SPACE}$`, "i");
const BLANK = new RegExp(`^${SPACE}$`);

/**
 * Verifies the signature of a delivery and returns its event, with Web Crypto alone. The same as `webhooks.verify` of
 * `@infrai/sdk`, for edge runtimes, workers and browsers' service workers, where the native module does not run.
 *
 * ```ts
 * import { verify } from "@infrai/sdk/webhooks";
 *
 * export const runtime = "edge";
 * export async function POST(request: Request): Promise<Response> {
 *   const event = await verify(await request.arrayBuffer(), request.headers.get("x-infrai-signature"), secret);
 *   console.log(event.id, event.type);
 *   return new Response(null, { status: 204 });
 * }
 * ```
 *
 * @param body The body as it was received, byte for byte. A parsed and rewritten body has another signature.
 * @param header Value of the header `X-Infrai-Signature`: 64 hexadecimal digits in any case, with or without `sha256=` before
 *   them. `undefined` or `null` if the request has none.
 * @param secret Secret of the webhook's registration.
 * @throws {WebhookVerificationError} The secret is empty, the signature is missing, malformed or of another body or secret, or
 *   the body is no JSON object. `details.reason` says which. The error contains neither secret nor signature.
 * @throws {InvalidRequestError} An argument has another type, such as a parsed body.
 */
export async function verify(body: WebhookBytes, header: WebhookHeader, secret: WebhookBytes): Promise<WebhookEvent> {
  const trace: Trace = {};
  Error.captureStackTrace?.(trace, verify);
  const [bytes, text, key] = [toBytes("body", body, trace), toText(header, trace), toBytes("secret", secret, trace)];
  if (BLANK.test(new TextDecoder("utf-8", { ignoreBOM: true }).decode(key))) throw refused("secret_empty", trace);
  if (text === undefined || BLANK.test(text)) throw refused("signature_missing", trace);
  const digits = SIGNATURE.exec(text)?.[1];
  if (digits === undefined) throw refused("signature_malformed", trace);
  const signature = Uint8Array.from({ length: 32 }, (_, at) => Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16));
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  // Web Crypto compares in constant time.
  if (!(await crypto.subtle.verify("HMAC", imported, signature, bytes))) throw refused("signature_mismatch", trace);
  return event(parse(bytes, trace));
}

function refused(reason: keyof typeof REASONS, trace: Trace): WebhookVerificationError {
  const [message, hint] = REASONS[reason];
  const code = "WEBHOOK_VERIFICATION_FAILED";
  const docs_url = `https://infrai.github.io/infrai-sdk/error-codes.html#${code.toLowerCase()}`;
  return infraiError({ kind: "webhook_verification", code, message, hint, docs_url, details: { reason } }, trace);
}

type Fields = Record<string, unknown>;

function parse(bytes: Uint8Array, trace: Trace): Fields {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes), sound);
    if (isObject(value) && isWithin(value, MAX_LEVELS)) return value;
  } catch {
    // Not JSON.
  }
  throw refused("body_invalid", trace);
}

/** The most levels of arrays and objects, as many as the native module parses. */
const MAX_LEVELS = 127;
const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const wellFormed = (text: string): string => text.replace(new RegExp(LONE, "g"), "\ufffd");

/** Replaces each half of a surrogate pair by U+FFFD and refuses a number beyond a double, as the native module does. */
function sound(_: string, value: unknown): unknown {
  if (typeof value === "string") return wellFormed(value);
  if (typeof value === "number" && !Number.isFinite(value)) throw new RangeError("a number is out of range");
  if (!isObject(value) || !Object.keys(value).some((name) => LONE.test(name))) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [wellFormed(name), member]));
}

const isWithin = (value: unknown, levels: number): boolean =>
  typeof value !== "object" || value === null || (levels > 0 && Object.values(value).every((member) => isWithin(member, levels - 1)));

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);

function event(raw: Fields): WebhookEvent {
  const text = (value: unknown): string | undefined =>
    // An integer beyond what a number holds exactly is left out: two of them would have one text.
    typeof value === "number" && (Number.isSafeInteger(value) || !Number.isInteger(value))
      ? String(value)
      : typeof value === "string" && value !== ""
        ? value
        : undefined;
  const { data } = raw;
  const fields = {
    id: text(raw["id"]),
    type: typeof raw["type"] === "string" ? raw["type"] : undefined,
    created: text(raw["created"]),
    data: data ?? undefined,
    job: readJob(data) ?? readJob(isObject(data) ? data["job"] : undefined),
  };
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(present), raw };
}

/** Returns a job, if the value is an object with an id and a state, and its other documented fields have their types. */
function readJob(value: unknown): VideoJob | undefined {
  if (!isObject(value)) return undefined;
  const job = Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
  const isText = (name: string): boolean => job[name] === undefined || typeof job[name] === "string";
  const isId = (name: string): boolean => isText(name) || Number.isSafeInteger(job[name]);
  const given = (name: string): string | undefined => (job[name] === undefined || job[name] === "" ? undefined : String(job[name]));
  const documented =
    isId("job_id") &&
    (given("job_id") !== undefined || isId("id")) &&
    isText("state") &&
    (job["state"] !== undefined || isText("status")) &&
    isText("video_url") &&
    isText("thumbnail_url") &&
    (job["progress"] === undefined || typeof job["progress"] === "number") &&
    (isText("error") || isObject(job["error"]));
  const id = given("job_id") ?? given("id");
  const state = job["state"] ?? job["status"];
  if (!documented || id === undefined || state === undefined) return undefined;
  const { _metadata: metadata } = job;
  if (!isObject(metadata) || Object.keys(metadata).length === 0) delete job["_metadata"];
  return { ...job, job_id: id, state } as VideoJob;
}
