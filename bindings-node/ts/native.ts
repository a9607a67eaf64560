// The native module's interface. `EventKind` has the numbers of `src/events.rs`.

/** Result of a native function: its value, or an error as JSON text. */
export type NativeResult<T> = T | string;

export const enum EventKind {
  Value = 0,
  Error = 1,
  Done = 2,
  Update = 3,
  Progress = 4,
  Request = 5,
  Response = 6,
  KeyRequest = 7,
  Released = 8,
}

export interface CallStarted {
  idempotencyKey?: string | null;
}

export interface NativeStream {
  next(callId: number): NativeResult<undefined>;
  abort(): void;
  close(): void;
}

export interface NativeClient {
  isResolved(): boolean;
  spentUsd(): number;
  withOptions(options: unknown): NativeResult<NativeClient>;
  generate(callId: number, request: unknown, options: unknown, abortable: boolean): NativeResult<CallStarted>;
  status(callId: number, job: unknown, options: unknown): NativeResult<undefined>;
  cancel(callId: number, job: unknown, options: unknown): NativeResult<undefined>;
  wait(callId: number, job: unknown, options: unknown, updates: boolean, graceful: boolean): NativeResult<undefined>;
  watch(streamId: number, job: unknown, options: unknown): NativeResult<NativeStream>;
  generateMany(
    streamId: number,
    items: unknown,
    options: unknown,
    submits: boolean,
    updates: boolean,
  ): NativeResult<NativeStream>;
  download(callId: number, job: unknown, path: unknown, options: unknown, progress: boolean): NativeResult<undefined>;
  downloadStream(callId: number, streamId: number, job: unknown, options: unknown): NativeResult<NativeStream>;
  balance(callId: number, options: unknown): NativeResult<undefined>;
  topup(callId: number, request: unknown, options: unknown, abortable: boolean): NativeResult<CallStarted>;
  waitForCredit(callId: number, minUsd: unknown, options: unknown): NativeResult<undefined>;
  activate(callId: number, request: unknown, options: unknown): NativeResult<undefined>;
  discover(callId: number, capability: unknown, options: unknown): NativeResult<undefined>;
  request(
    callId: number,
    method: unknown,
    path: unknown,
    body: unknown,
    options: unknown,
    abortable: boolean,
  ): NativeResult<CallStarted>;
}

export interface NativeBinding {
  ref(): void;
  unref(): void;
  variables(): string[];
  setVariables(values: (string | null)[]): void;
  client(
    options: unknown,
    callbacks: { key: boolean; request: boolean; response: boolean },
    runtime: string,
  ): NativeResult<NativeClient>;
  abort(callId: number, graceful: boolean): void;
  resolveKey(request: number, key: unknown): NativeResult<undefined>;
  rejectKey(request: number, exception: number): void;
}

export interface NativeSeenEvents {
  add(id: unknown): NativeResult<boolean>;
  remove(id: unknown): NativeResult<undefined>;
}

export interface NativeModule {
  verifyWebhook(body: Uint8Array, header: string | undefined, secret: Uint8Array): NativeResult<{ json: string }>;
  seenEvents(capacity: unknown, ttlMs: unknown): NativeResult<NativeSeenEvents>;
  NativeBinding: { install(dispatch: (events: unknown[]) => void): NativeBinding };
}
