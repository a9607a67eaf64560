// Verification of webhook deliveries by the native module: `webhooks` of `@infrai/sdk`.

import { unwrap } from "./calls.js";
import { toBytes, toText } from "./delivery.js";
import { captureTrace } from "./errors.js";
import { load } from "./load.js";
import type { NativeModule, NativeSeenEvents } from "./native.js";
import type { WebhookBytes, WebhookEvent, WebhookHeader } from "./types.js";

let native: NativeModule | undefined;

/**
 * Verifies the signature of a delivery and returns its event. Compares in constant time. Sends nothing and needs no key.
 *
 * ```ts
 * import express from "express";
 * import { webhooks } from "@infrai/sdk";
 *
 * app.post("/webhooks/infrai", express.raw({ type: () => true }), (request, response) => {
 *   const event = webhooks.verify(request.body, request.headers["x-infrai-signature"], secret);
 *   console.log(event.id, event.type);
 *   response.sendStatus(204);
 * });
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
export function verify(body: WebhookBytes, header: WebhookHeader, secret: WebhookBytes): WebhookEvent {
  const trace = captureTrace(verify);
  const [bytes, text, key] = [toBytes("body", body, trace), toText(header, trace), toBytes("secret", secret, trace)];
  const verified = unwrap((native ??= load()).verifyWebhook(bytes, text, key), verify);
  return JSON.parse(verified.json) as WebhookEvent;
}

/** Bounds of a {@link SeenEvents}. */
export interface SeenEventsOptions {
  /** Number of ids; a full memory forgets the oldest one. Default: 10,000, about 1.2 MB. */
  capacity?: number | undefined;
  /** Milliseconds for which it remembers an id. Default: 86,400,000, a day. */
  ttlMs?: number | undefined;
}

/**
 * A memory of event ids, bounded in size and time, so that a receiver handles each event once.
 *
 * The API delivers an event at least once, and an attacker may repeat a recorded delivery: the signature covers no time. The
 * memory belongs to this thread. Several processes, or a restart, need a shared store, such as a unique column of a database.
 *
 * ```ts
 * const seen = new webhooks.SeenEvents();
 * if (seen.add(event.id)) handle(event);
 * ```
 */
export class SeenEvents {
  readonly #native: NativeSeenEvents;

  /**
   * Makes a memory.
   *
   * @throws {InvalidRequestError} `capacity` is less than 1, or `ttlMs` is not more than 0.
   */
  constructor(options: SeenEventsOptions = {}) {
    const { capacity, ttlMs } = options;
    this.#native = unwrap((native ??= load()).seenEvents(capacity, ttlMs), SeenEvents);
  }

  /**
   * Adds an id and returns whether it is new.
   *
   * @param id Id of the event. For an event without one: the body as text.
   * @throws {InvalidRequestError} The id is no string.
   */
  add(id: string): boolean {
    return unwrap(this.#native.add(id), this.add);
  }

  /**
   * Forgets an id, so that the next delivery of its event counts as new. For an event whose handling failed.
   *
   * @param id Id of the event.
   * @throws {InvalidRequestError} The id is no string.
   */
  remove(id: string): void {
    unwrap(this.#native.remove(id), this.remove);
  }
}
