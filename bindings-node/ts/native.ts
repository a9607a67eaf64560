// The native module as this layer sees it. `Topic` has the numbers of `src/outbox.rs`.

/** What an exported function gives: its value, or an error as JSON text. */
export type Given<T> = T | string;

export const enum Topic {
  Value = 0,
  Error = 1,
  End = 2,
  Update = 3,
  Progress = 4,
  Request = 5,
  Response = 6,
  Key = 7,
  Gone = 8,
}

export interface Begun {
  key?: string | null;
}

export interface NativeStream {
  next(number: number): Given<undefined>;
  close(): Given<undefined>;
}

export interface NativeClient {
  resolved(): boolean;
  withOptions(options: unknown): Given<NativeClient>;
  generate(number: number, request: unknown, options: unknown, abortable: boolean): Given<Begun>;
  status(number: number, id: unknown, options: unknown): Given<undefined>;
  cancel(number: number, id: unknown, options: unknown): Given<undefined>;
  wait(number: number, job: unknown, options: unknown, updates: boolean): Given<undefined>;
  watch(number: number, job: unknown, options: unknown): Given<NativeStream>;
  generateMany(number: number, items: unknown, options: unknown): Given<NativeStream>;
  download(
    number: number,
    job: unknown,
    path: unknown,
    options: unknown,
    progress: boolean,
  ): Given<undefined>;
  downloadStream(number: number, stream: number, job: unknown, options: unknown): Given<NativeStream>;
  balance(number: number, options: unknown): Given<undefined>;
  topup(number: number, amount: unknown, options: unknown, abortable: boolean): Given<Begun>;
  activate(number: number, options: unknown): Given<undefined>;
  request(
    number: number,
    method: unknown,
    path: unknown,
    body: unknown,
    options: unknown,
    abortable: boolean,
  ): Given<Begun>;
}

export interface Bridge {
  hold(hold: boolean): void;
  variables(): string[];
  setVariables(values: (string | null)[]): void;
  client(
    settings: unknown,
    functions: { key: boolean; request: boolean; response: boolean },
    runtime: string,
  ): Given<NativeClient>;
  abort(number: number, politely: boolean): Given<undefined>;
  answerKey(request: number, key: unknown): Given<undefined>;
  refuseKey(request: number, thrown: number): Given<undefined>;
}

export interface NativeModule {
  Bridge: { connect(deliver: (events: unknown[]) => void): Bridge };
}
