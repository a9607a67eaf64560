// Calls in flight: an id and a promise per call, one connection to the native module, one listener per signal.

import type { AsyncResource } from "node:async_hooks";
import { updateVariables } from "./environment.js";
import { abortError, captureTrace, infraiError, invalidArgument, type ErrorData, type Trace } from "./errors.js";
import { load } from "./load.js";
import { EventKind, type CallStarted, type NativeBinding, type NativeClient, type NativeResult, type NativeStream } from "./native.js";
import type { CallOptions, RequestEvent, ResponseEvent } from "./types.js";

/** Key function and hooks of a client. They live as long as the client or one of its calls. */
export interface Callbacks {
  key?: () => string | Promise<string>;
  request?: (event: RequestEvent) => void;
  response?: (event: ResponseEvent) => void;
}

/** State that the calls of a client share. */
export interface Client {
  native: NativeClient;
  callbacks: Callbacks | undefined;
  /** A call has succeeded. From then on, only a download or an activation reads variables. */
  settled: boolean;
}

/** Callbacks for one call, with the async context (`AsyncLocalStorage`) of the line that made the call. */
interface BoundCallbacks {
  callbacks: Callbacks;
  context: AsyncResource;
}

/** A call in flight. */
interface PendingCall {
  id: number;
  resolve: (value: unknown) => void;
  reject: (reason: unknown) => void;
  client: Client | undefined;
  trace: Trace;
  keepsAlive: boolean;
  signal: AbortSignal | undefined;
  /** Async context of the line that made the call. None without callbacks. */
  context: AsyncResource | undefined;
  /** Receives updates or progress. */
  listener: ((event: never) => unknown) | undefined;
  /** A wait that cancels its job before it ends. */
  graceful: boolean;
  /** Its signal has aborted, and it waits for the result of the cancel request. */
  aborted: boolean;
  /** Its signal or its listener has rejected it. */
  failed: boolean;
  /** Further fields of an abort error: the idempotency key of the request. */
  sent: Partial<ErrorData> | undefined;
}

/** Options of a call for this layer. */
export interface CallSettings extends Pick<CallOptions, "signal" | "unref"> {
  listener?: ((event: never) => unknown) | undefined;
  graceful?: boolean | undefined;
  /** A read of a stream that its signal has aborted: the stream's error ends it. */
  drains?: boolean | undefined;
}

/** A stream that its signal aborts even between two reads. */
export interface Abortable {
  abort(reason: unknown): void;
}

/** The end of a stream. */
export const DONE = Symbol("done");

let binding: NativeBinding | undefined;
/** Number of calls that keep the process alive. */
let refCount = 0;
let lastId = 0;
const calls = new Map<number, PendingCall>();
/** Callbacks of each call and stream, until the native module has released it. */
const callbacks = new Map<number, BoundCallbacks | WeakRef<BoundCallbacks>>();
/** Exceptions of key functions, latest last. Several waits may reject with the same one. */
const exceptions = new Map<number, unknown>();
const MAX_EXCEPTIONS = 256;

/** Returns the connection of this thread. The first client installs it. */
export function connection(): NativeBinding {
  return (binding ??= load().NativeBinding.install(dispatchAll));
}

/** Returns the value of a native result, or throws its error. The stack starts below `caller`. */
export function unwrap<T>(result: NativeResult<T>, caller: Function): T {
  if (typeof result !== "string") return result;
  const trace = captureTrace(caller);
  throw infraiError(JSON.parse(result) as ErrorData, trace);
}

/** Passes on the variables that a call of this client may read. */
function prepare(client: Client): void {
  if (!client.settled) updateVariables(connection());
}

/** Passes on the variables that a download or an activation may read. */
export function prepareAnew(): void {
  updateVariables(connection());
}

/** Returns an id for a call, a stream or an exception. */
function nextId(): number {
  do lastId = (lastId + 1) >>> 0;
  while (calls.has(lastId) || callbacks.has(lastId) || exceptions.has(lastId));
  return lastId;
}

const NO_OPTIONS: [CallSettings, unknown] = [{}, undefined];

/** Splits a call's options into those of this layer and those of the native module, which rejects a value that is no object. */
export function splitCallOptions(options: unknown, listenerName?: "onUpdate" | "onProgress"): [CallSettings, unknown] {
  if (options === undefined || options === null) return NO_OPTIONS;
  if (typeof options !== "object" || Array.isArray(options)) return [{}, options];
  const { signal, unref, ...own } = options as CallOptions & Record<string, unknown>;
  if (listenerName === undefined) return [{ signal, unref }, own];
  const listener = (own[listenerName] ?? undefined) as CallSettings["listener"];
  delete own[listenerName];
  return [{ signal, unref, listener }, own];
}

/** Makes a call. `begin` starts its native part with the id. The stack of an error starts below `caller`. */
export function call<T>(
  client: Client | undefined,
  settings: CallSettings | undefined,
  caller: Function,
  begin: (id: number, abortable: boolean) => NativeResult<unknown>,
): Promise<T> {
  const trace = captureTrace(caller);
  return new Promise<T>((resolve, reject) => {
    const signal = settings?.signal ?? undefined;
    if (signal !== undefined && typeof signal.addEventListener !== "function") {
      throw invalidArgument("signal", "an AbortSignal", `a value of type ${typeof signal}`, trace);
    }
    const listener = settings?.listener;
    if (listener !== undefined && typeof listener !== "function") {
      throw invalidArgument("onUpdate or onProgress", "a function", `a value of type ${typeof listener}`, trace);
    }
    const drains = settings?.drains === true;
    if (signal?.aborted && !drains) throw abortError(signal.reason, {}, trace);
    if (client !== undefined) prepare(client);
    const id = nextId();
    const started = begin(id, signal !== undefined);
    if (typeof started === "string") throw infraiError(JSON.parse(started) as ErrorData, trace);
    const key = (started as CallStarted | undefined)?.idempotencyKey;
    const own = client?.callbacks;
    const context = own !== undefined || listener !== undefined ? captureAsyncContext() : undefined;
    const pending: PendingCall = {
      id,
      resolve: resolve as (value: unknown) => void,
      reject,
      client,
      trace,
      keepsAlive: settings?.unref !== true,
      signal,
      context,
      listener,
      graceful: settings?.graceful === true,
      aborted: drains,
      failed: false,
      sent: key == null ? undefined : { idempotency_key: key, may_have_been_processed: true },
    };
    calls.set(id, pending);
    if (own !== undefined && context !== undefined) callbacks.set(id, { callbacks: own, context });
    if (pending.keepsAlive && refCount++ === 0) connection().ref();
    if (signal !== undefined && !drains) registration(signal).add(pending);
  });
}

/** Returns the async context of this line. */
function captureAsyncContext(): AsyncResource {
  // Loaded at first use, so that it does not delay the import of the package.
  const { AsyncResource } = require("node:async_hooks") as typeof import("node:async_hooks");
  return new AsyncResource("infrai");
}

/** The async context of a stream, for the client's callbacks during its reads and between them. */
export class StreamContext {
  readonly #client: Client;
  readonly #callbacks: BoundCallbacks | undefined;
  #id: number | undefined;

  /** Captures the context of the line that makes the stream. */
  constructor(client: Client) {
    const { callbacks } = client;
    this.#client = client;
    this.#callbacks = callbacks && { callbacks, context: captureAsyncContext() };
  }

  /** Opens the native stream with an id of its own. */
  open(begin: (id: number) => NativeResult<NativeStream>): NativeResult<NativeStream> {
    prepare(this.#client);
    const id = nextId();
    const opened = begin(id);
    if (typeof opened !== "string" && this.#callbacks !== undefined) {
      // Weakly: a stream that is left half read ends when it is collected, and the callbacks may refer to it.
      callbacks.set((this.#id = id), new WeakRef(this.#callbacks));
    }
    return opened;
  }

  /** Keeps the callbacks until the native stream has ended, because it may still call them. */
  close(): void {
    if (this.#id === undefined || this.#callbacks === undefined || !callbacks.has(this.#id)) return;
    callbacks.set(this.#id, this.#callbacks);
  }
}

/** Releases a call that has ended. It no longer keeps the process alive. */
function settle(pending: PendingCall): void {
  calls.delete(pending.id);
  if (pending.keepsAlive && --refCount === 0) connection().unref();
  if (pending.signal !== undefined) registrations.get(pending.signal)?.delete(pending);
}

/** Ends a call with a reason. */
function fail(pending: PendingCall, reason: unknown): void {
  if (calls.get(pending.id) !== pending) return;
  settle(pending);
  pending.failed = true;
  connection().abort(pending.id, false);
  pending.reject(reason);
}

/** Ends a read as if its stream had ended. */
export function finish(id: number): void {
  const pending = calls.get(id);
  if (pending === undefined) return;
  settle(pending);
  connection().abort(id, false);
  pending.resolve(DONE);
}

/** The calls and streams of a signal, with one listener, which is removed with the last of them. */
class AbortRegistration {
  readonly #calls = new Set<PendingCall>();
  readonly #streams = new Set<WeakRef<Abortable>>();
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  readonly #onAbort = (): void => {
    registrations.delete(this.#signal);
    const reason: unknown = this.#signal.reason;
    for (const pending of [...this.#calls]) {
      if (pending.graceful) {
        pending.aborted = true;
        connection().abort(pending.id, true);
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
      registrations.delete(this.#signal);
    }
  }

  add(pending: PendingCall): void {
    this.#calls.add(pending);
    this.#changed(this.#calls.size + this.#streams.size - 1);
  }

  delete(pending: PendingCall): void {
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

const registrations = new WeakMap<AbortSignal, AbortRegistration>();

function registration(signal: AbortSignal): AbortRegistration {
  let found = registrations.get(signal);
  if (found === undefined) {
    found = new AbortRegistration(signal);
    registrations.set(signal, found);
  }
  return found;
}

/** Registers a stream with a signal, which aborts it even between two reads. Returns a function that removes it. */
export function onAbort(signal: AbortSignal | null | undefined, stream: Abortable): () => void {
  // The read that follows rejects a value of a wrong type.
  if (typeof signal?.addEventListener !== "function") return () => {};
  const weak = new WeakRef(stream);
  registration(signal).addStream(weak);
  return () => registrations.get(signal)?.deleteStream(weak);
}

/** Dispatches events, three elements per event: call id, kind and payload. */
function dispatchAll(events: unknown[]): void {
  for (let at = 0; at < events.length; at += 3) {
    dispatch(events[at] as number, events[at + 1] as EventKind, events[at + 2]);
  }
}

function dispatch(id: number, kind: EventKind, payload: unknown): void {
  switch (kind) {
    case EventKind.Request:
    case EventKind.Response:
      return invokeHook(id, kind, JSON.parse(payload as string));
    case EventKind.KeyRequest:
      return invokeKeyFunction(id, JSON.parse(payload as string) as number);
    case EventKind.Value:
    case EventKind.Error:
    case EventKind.Done:
    case EventKind.Released:
      callbacks.delete(id);
  }
  const pending = calls.get(id);
  if (pending === undefined) return;
  switch (kind) {
    case EventKind.Value:
      settle(pending);
      if (pending.client?.settled === false) pending.client.settled = pending.client.native.isResolved();
      return pending.resolve(typeof payload === "string" ? JSON.parse(payload) : payload);
    case EventKind.Done:
      settle(pending);
      return pending.resolve(DONE);
    case EventKind.Error:
      settle(pending);
      return pending.reject(callError(pending, JSON.parse(payload as string) as ErrorData));
    case EventKind.Update:
    case EventKind.Progress:
      return invokeListener(pending, JSON.parse(payload as string));
  }
}

function callError(pending: PendingCall, data: ErrorData): unknown {
  if (pending.aborted && data.kind === "aborted") return abortError(pending.signal?.reason, data, pending.trace);
  return toError(data, pending.trace);
}

/** Returns the exception of the caller's function behind an error, or the error. */
export function toError(data: ErrorData, trace: Trace): unknown {
  if (data.exception !== undefined && exceptions.has(data.exception)) return exceptions.get(data.exception);
  return infraiError(data, trace);
}

/** Calls the listener of a call. An exception or a rejection ends the call. */
function invokeListener(pending: PendingCall, event: unknown): void {
  if (pending.listener === undefined || pending.aborted) return;
  try {
    const { context, listener } = pending;
    const result = context?.runInAsyncScope(() => listener(event as never)) as { then?: unknown } | undefined;
    if (typeof result?.then === "function") {
      Promise.resolve(result).catch((error: unknown) => {
        if (calls.get(pending.id) === pending) fail(pending, error);
        // The call has ended otherwise. The rejection must not be lost, unless an earlier one or the signal ended the call.
        else if (!pending.failed && !pending.aborted) throw error;
      });
    }
  } catch (error) {
    fail(pending, error);
  }
}

/** Returns the callbacks of a call or a stream, or none if the stream has been collected. */
function callbacksOf(id: number): BoundCallbacks | undefined {
  const found = callbacks.get(id);
  return found instanceof WeakRef ? found.deref() : found;
}

/**
 * Calls the key function in the context of a call. Without callbacks, the call has ended, or its stream is about to. The
 * request stays open then: a poll that other waits share is made anew in the context of one of them, and must not fail here.
 */
function invokeKeyFunction(id: number, request: number): void {
  const found = callbacksOf(id);
  if (found === undefined) return;
  const resolveKey = (key: unknown): unknown => connection().resolveKey(request, key);
  const rejectKey = (error: unknown): unknown => {
    const exception = nextId();
    exceptions.set(exception, error);
    for (const oldest of exceptions.keys()) {
      if (exceptions.size <= MAX_EXCEPTIONS) break;
      exceptions.delete(oldest);
    }
    return connection().rejectKey(request, exception);
  };
  const { callbacks: own, context } = found;
  new Promise((resolve) => resolve(context.runInAsyncScope(() => own.key?.()))).then(resolveKey, rejectKey);
}

/** Calls a hook in the context of a call. */
function invokeHook(id: number, kind: EventKind.Request | EventKind.Response, event: unknown): void {
  const found = callbacksOf(id);
  const hook = kind === EventKind.Request ? found?.callbacks.request : found?.callbacks.response;
  try {
    if (hook !== undefined) found?.context.runInAsyncScope(() => hook(event as never));
  } catch (error) {
    // An uncaught exception, as of an event listener. The call goes on.
    queueMicrotask(() => {
      throw error;
    });
  }
}
