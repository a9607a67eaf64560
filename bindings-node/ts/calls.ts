// Calls under way: a number and a promise each, one connection to the native module, one listener a signal.

import type { AsyncResource } from "node:async_hooks";
import { abortError, infraiError, type ErrorData, type Trace } from "./errors.js";
import { handVariables } from "./environment.js";
import { load } from "./load.js";
import { Topic, type Bridge, type Given, type NativeClient, type NativeStream } from "./native.js";
import type { CallOptions, RequestEvent, ResponseEvent } from "./types.js";

/** The functions that a client was given: they live as long as it, or a call of its. */
export interface Functions {
  key?: () => string | Promise<string>;
  request?: (event: RequestEvent) => void;
  response?: (event: ResponseEvent) => void;
}

/** What the calls of a client share. */
export interface Client {
  native: NativeClient;
  /** None where the client was given none. */
  functions: Functions | undefined;
  /** A call succeeded: only a download or an activation reads variables from now on. */
  settled: boolean;
}

/** The client's functions for one call, and the async context (`AsyncLocalStorage`) of the line that made the call. */
interface Callbacks {
  functions: Functions;
  context: AsyncResource;
}

/** A call under way. */
interface Pending {
  number: number;
  resolve: (value: unknown) => void;
  reject: (reason: unknown) => void;
  client: Client | undefined;
  trace: Trace;
  held: boolean;
  signal: AbortSignal | undefined;
  /** Of the line that made the call; none where nothing is called back. */
  context: AsyncResource | undefined;
  /** Called with updates or progress. */
  listen: ((told: never) => unknown) | undefined;
  /** A wait that cancels its job before it ends. */
  politely: boolean;
  /** Ended by its signal, and waiting for what came of the cancel. */
  aborted: boolean;
  /** Rejected already, by its signal or by its listener. */
  failed: boolean;
  /** What an abort error says besides: the idempotency key that was sent. */
  sent: Partial<ErrorData> | undefined;
}

/** What a call is begun with, besides its native part. */
export interface Settings extends CallOptions {
  listen?: ((told: never) => unknown) | undefined;
  politely?: boolean | undefined;
}

/** What is told when a signal aborts although nothing of it is being read. */
export interface Abortable {
  abort(reason: unknown): void;
}

/** The end of a stream. */
export const END = Symbol("end");

let bridge: Bridge | undefined;
let held = 0;
let numbers = 0;
const calls = new Map<number, Pending>();
/** Of each call and stream that may call back, until the native module has said that nothing follows. */
const callbacks = new Map<number, Callbacks | WeakRef<Callbacks>>();
/** What key functions threw, latest last. Waits that share a request share its error, so that none takes it away. */
const thrown = new Map<number, unknown>();
const THROWN_KEPT = 256;

/** The connection of this thread, made when the first client is. */
export function connection(): Bridge {
  return (bridge ??= load().Bridge.connect(deliver));
}

/** What an exported function gave, or the error that it told. */
export function given<T>(told: Given<T>, caller: Function): T {
  if (typeof told !== "string") return told;
  const trace: Trace = {};
  Error.captureStackTrace(trace, caller);
  throw infraiError(JSON.parse(told) as ErrorData, trace);
}

/** Hands over the variables that a call of this client may read. */
function prepare(client: Client): void {
  if (!client.settled) handVariables(connection());
}

/** Hands over the variables that a download or an activation may read. */
export function prepareAnew(): void {
  handVariables(connection());
}

/** A number for a call, a stream or what was thrown. */
function nextNumber(): number {
  do numbers = (numbers + 1) >>> 0;
  while (calls.has(numbers) || callbacks.has(numbers) || thrown.has(numbers));
  return numbers;
}

const NONE: [Settings, unknown] = [{}, undefined];

/**
 * A call's options: what this layer takes, and what is the native module's. What is no object at all is left to it whole,
 * which refuses it by name.
 */
export function split(options: unknown, listener?: "onUpdate" | "onProgress"): [Settings, unknown] {
  // No options cost nothing.
  if (options === undefined || options === null) return NONE;
  if (typeof options !== "object" || Array.isArray(options)) return [{}, options];
  const { signal, unref, ...own } = options as CallOptions & Record<string, unknown>;
  if (listener === undefined) return [{ signal, unref }, own];
  const listen = (own[listener] ?? undefined) as Settings["listen"];
  delete own[listener];
  return [{ signal, unref, listen }, own];
}

/** Makes a call: `begin` starts its native part under the number. `caller` is the function that the stack starts below. */
export function call<T>(
  client: Client | undefined,
  settings: Settings | undefined,
  caller: Function,
  begin: (number: number, abortable: boolean) => Given<unknown>,
): Promise<T> {
  const trace: Trace = {};
  Error.captureStackTrace(trace, caller);
  return new Promise<T>((resolve, reject) => {
    const signal = settings?.signal ?? undefined;
    if (signal !== undefined && typeof signal.addEventListener !== "function") {
      throw refused("signal", "an AbortSignal", signal, trace);
    }
    if (settings?.listen !== undefined && typeof settings.listen !== "function") {
      throw refused("onUpdate or onProgress", "a function", settings.listen, trace);
    }
    if (signal?.aborted) throw abortError(signal.reason, {}, trace);
    if (client !== undefined) prepare(client);
    const number = nextNumber();
    const told = begin(number, signal !== undefined);
    if (typeof told === "string") throw infraiError(JSON.parse(told) as ErrorData, trace);
    const key = (told as { key?: string | null } | undefined)?.key;
    const functions = client?.functions;
    const called = functions !== undefined || settings?.listen !== undefined;
    const context = called ? contextHere() : undefined;
    const pending: Pending = {
      number,
      resolve: resolve as (value: unknown) => void,
      reject,
      client,
      trace,
      held: settings?.unref !== true,
      signal,
      context,
      listen: settings?.listen,
      politely: settings?.politely === true,
      aborted: false,
      failed: false,
      sent: key == null ? undefined : { idempotency_key: key, may_have_been_processed: true },
    };
    calls.set(number, pending);
    if (functions !== undefined && context !== undefined) callbacks.set(number, { functions, context });
    if (pending.held && held++ === 0) connection().hold(true);
    if (signal !== undefined) listenTo(signal).add(pending);
  });
}

/** The async context of this line. */
function contextHere(): AsyncResource {
  // Of Node.js itself, and loaded by the first that wants it.
  const { AsyncResource } = require("node:async_hooks") as typeof import("node:async_hooks");
  return new AsyncResource("infrai");
}

/** The async context of a stream, in which the client's functions are called during its reads and between them. */
export class StreamContext {
  readonly #client: Client;
  readonly #callbacks: Callbacks | undefined;
  #number: number | undefined;

  /** Of the line that makes this. */
  constructor(client: Client) {
    const { functions } = client;
    this.#client = client;
    this.#callbacks = functions && { functions, context: contextHere() };
  }

  /** Opens the native stream under a number of its own. */
  open(begin: (number: number) => Given<NativeStream>): Given<NativeStream> {
    prepare(this.#client);
    const number = nextNumber();
    const opened = begin(number);
    if (typeof opened !== "string" && this.#callbacks !== undefined) {
      // Weakly: a stream that is left half read ends when it is collected, which its client's functions may refer to.
      callbacks.set((this.#number = number), new WeakRef(this.#callbacks));
    }
    return opened;
  }

  /** The stream is being closed: what it calls back until it has is called here still. */
  close(): void {
    if (this.#number === undefined || this.#callbacks === undefined || !callbacks.has(this.#number)) return;
    callbacks.set(this.#number, this.#callbacks);
  }
}

/** An argument that this layer keeps to itself, of a wrong type. */
function refused(field: string, expected: string, got: unknown, trace: Trace): Error {
  return infraiError(refusal(field, expected, `a value of type ${typeof got}`), trace);
}

/** The refusal of an argument. */
export function refusal(field: string, expected: string, got: string): ErrorData {
  const message = `invalid \`${field}\`: expected ${expected}, got ${got}`;
  return { kind: "invalid_request", code: "INVALID_ARGUMENT", message, details: { field, expected, got } };
}

/** The refusal of a call's own options where those of the request belong. */
export function misplaced(request: unknown): string | undefined {
  if (typeof request !== "object" || request === null) return undefined;
  for (const name of ["signal", "unref"]) {
    if ((request as Record<string, unknown>)[name] == null) continue;
    const refused = refusal(name, "no value among the request's options", "one");
    const hint = `Pass it as the second argument: generate({ prompt }, { ${name} }).`;
    return JSON.stringify({ ...refused, hint });
  }
  return undefined;
}

/** A call has ended: nothing keeps it, its signal or the process any longer. */
function settle(pending: Pending): void {
  calls.delete(pending.number);
  if (pending.held && --held === 0) connection().hold(false);
  if (pending.signal !== undefined) listeners.get(pending.signal)?.delete(pending);
}

/** Ends a call at once, with this. */
function fail(pending: Pending, reason: unknown): void {
  if (calls.get(pending.number) !== pending) return;
  settle(pending);
  pending.failed = true;
  connection().abort(pending.number, false);
  pending.reject(reason);
}

/** Ends the read of a stream whose reader left, as if the stream had ended. */
export function finish(number: number): void {
  const pending = calls.get(number);
  if (pending === undefined) return;
  settle(pending);
  connection().abort(number, false);
  pending.resolve(END);
}

/** The calls of a signal, with one listener for all of them, which goes with the last. */
class Listener {
  readonly #calls = new Set<Pending>();
  readonly #streams = new Set<WeakRef<Abortable>>();
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  readonly #onAbort = (): void => {
    listeners.delete(this.#signal);
    const reason: unknown = this.#signal.reason;
    for (const pending of [...this.#calls]) {
      if (pending.politely) {
        pending.aborted = true;
        connection().abort(pending.number, true);
      } else {
        fail(pending, abortError(reason, pending.sent ?? {}, pending.trace));
      }
    }
    for (const stream of this.#streams) stream.deref()?.abort(reason);
  };

  #changed(before: number): void {
    const now = this.#calls.size + this.#streams.size;
    if (before === 0 && now === 1) this.#signal.addEventListener("abort", this.#onAbort, { once: true });
    if (before === 1 && now === 0) {
      this.#signal.removeEventListener("abort", this.#onAbort);
      listeners.delete(this.#signal);
    }
  }

  add(pending: Pending): void {
    this.#calls.add(pending);
    this.#changed(this.#calls.size + this.#streams.size - 1);
  }

  delete(pending: Pending): void {
    if (this.#calls.delete(pending)) this.#changed(this.#calls.size + this.#streams.size + 1);
  }

  addStream(stream: WeakRef<Abortable>): void {
    this.#streams.add(stream);
    this.#changed(this.#calls.size + this.#streams.size - 1);
  }

  deleteStream(stream: WeakRef<Abortable>): void {
    if (this.#streams.delete(stream)) this.#changed(this.#calls.size + this.#streams.size + 1);
  }
}

const listeners = new WeakMap<AbortSignal, Listener>();

function listenTo(signal: AbortSignal): Listener {
  let listener = listeners.get(signal);
  if (listener === undefined) {
    listener = new Listener(signal);
    listeners.set(signal, listener);
  }
  return listener;
}

/** Tells the stream when the signal aborts, even between two reads. What it returns takes that back. */
export function onAbort(signal: AbortSignal | null | undefined, stream: Abortable): () => void {
  // One of a wrong type is refused by the read that follows.
  if (typeof signal?.addEventListener !== "function") return () => {};
  const weak = new WeakRef(stream);
  listenTo(signal).addStream(weak);
  return () => listeners.get(signal)?.deleteStream(weak);
}

/** Everything that has gathered: three elements an event. */
function deliver(events: unknown[]): void {
  for (let at = 0; at < events.length; at += 3) {
    deliverOne(events[at] as number, events[at + 1] as Topic, events[at + 2]);
  }
}

function deliverOne(number: number, topic: Topic, payload: unknown): void {
  switch (topic) {
    case Topic.Request:
    case Topic.Response:
      return hooked(number, topic, JSON.parse(payload as string));
    case Topic.Key:
      return ask(number, JSON.parse(payload as string) as number);
    case Topic.Value:
    case Topic.Error:
    case Topic.End:
    case Topic.Gone:
      callbacks.delete(number);
  }
  const pending = calls.get(number);
  if (pending === undefined) return;
  switch (topic) {
    case Topic.Value:
      settle(pending);
      if (pending.client?.settled === false) pending.client.settled = pending.client.native.resolved();
      return pending.resolve(typeof payload === "string" ? JSON.parse(payload) : payload);
    case Topic.End:
      settle(pending);
      return pending.resolve(END);
    case Topic.Error:
      settle(pending);
      return pending.reject(failure(pending, JSON.parse(payload as string) as ErrorData));
    case Topic.Update:
    case Topic.Progress:
      return listened(pending, JSON.parse(payload as string));
  }
}

function failure(pending: Pending, data: ErrorData): unknown {
  if (pending.aborted && data.kind === "aborted") return abortError(pending.signal?.reason, data, pending.trace);
  return failureOf(data, pending.trace);
}

/** What an error stands for: what a function of the caller's threw, or one of the SDK's. */
export function failureOf(data: ErrorData, trace: Trace): unknown {
  if (data.thrown !== undefined && thrown.has(data.thrown)) return thrown.get(data.thrown);
  return infraiError(data, trace);
}

/** Tells the caller's function; what it throws, now or later, ends the call. */
function listened(pending: Pending, told: unknown): void {
  if (pending.listen === undefined || pending.aborted) return;
  try {
    const { context, listen } = pending;
    const result = context?.runInAsyncScope(() => listen(told as never)) as { then?: unknown } | undefined;
    if (typeof result?.then === "function") {
      Promise.resolve(result).catch((error: unknown) => {
        if (calls.get(pending.number) === pending) fail(pending, error);
        // Too late to end anything: not to be lost either, unless the call was ended so or by its signal already.
        else if (!pending.failed && !pending.aborted) throw error;
      });
    }
  } catch (error) {
    fail(pending, error);
  }
}

/** What a call or stream calls back with. None of a stream that was collected. */
function callbacksOf(number: number): Callbacks | undefined {
  const found = callbacks.get(number);
  return found instanceof WeakRef ? found.deref() : found;
}

/**
 * Calls the key function for a call, in that call's context alone. Without one the call has ended, or its stream is about
 * to: a poll that others share is then made anew in the context of one of them, and must not fail for this one.
 */
function ask(number: number, request: number): void {
  const found = callbacksOf(number);
  if (found === undefined) return;
  const answer = (key: unknown): unknown => connection().answerKey(request, key);
  const refuse = (error: unknown): unknown => {
    const number = nextNumber();
    thrown.set(number, error);
    for (const oldest of thrown.keys()) {
      if (thrown.size <= THROWN_KEPT) break;
      thrown.delete(oldest);
    }
    return connection().refuseKey(request, number);
  };
  const { functions, context } = found;
  new Promise((resolve) => resolve(context.runInAsyncScope(() => functions.key?.()))).then(answer, refuse);
}

/** Calls a hook for an attempt of a call, in that call's context. */
function hooked(number: number, topic: Topic.Request | Topic.Response, event: unknown): void {
  const found = callbacksOf(number);
  const hook = topic === Topic.Request ? found?.functions.request : found?.functions.response;
  try {
    if (hook !== undefined) found?.context.runInAsyncScope(() => hook(event as never));
  } catch (error) {
    // As of a listener: not the call's fault, and not to be lost.
    queueMicrotask(() => {
      throw error;
    });
  }
}
