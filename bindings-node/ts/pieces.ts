// What comes piece by piece, as an async iterator.

import { call, END, finish, given, onAbort, type Abortable, type StreamContext } from "./calls.js";
import type { Given, NativeStream } from "./native.js";
import type { CallOptions } from "./types.js";

/** A native stream, opened at the first read. Each read is a call of its own, so that only a reader who waits keeps the process. */
export class Pieces<T> implements AsyncIterableIterator<T> {
  readonly #options: CallOptions | undefined;
  readonly #context: StreamContext;
  readonly #make: (told: unknown) => T;
  readonly #reads = new Set<number>();
  readonly #abortable: Abortable;
  #open: (() => Given<NativeStream>) | undefined;
  #stream: NativeStream | undefined;
  #release: (() => void) | undefined;

  constructor(
    options: CallOptions | undefined,
    open: () => Given<NativeStream>,
    context: StreamContext,
    make: (told: unknown) => T,
    /** Told at once when the signal aborts, even between two reads. */
    aborted?: (reason: unknown) => void,
  ) {
    this.#options = options;
    this.#open = open;
    this.#context = context;
    this.#make = make;
    this.#abortable = {
      abort: (reason) => {
        this.#context.close();
        this.#stream?.close();
        aborted?.(reason);
      },
    };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    const open = this.#open;
    if (open !== undefined) {
      this.#open = undefined;
      this.#stream = given(open(), this.next);
      this.#release = onAbort(this.#options?.signal, this.#abortable);
    }
    const stream = this.#stream;
    if (stream === undefined) return { done: true, value: undefined };
    let read: number | undefined;
    try {
      const told = await call<unknown>(undefined, this.#options, this.next, (number) => {
        this.#reads.add((read = number));
        return stream.next(number);
      });
      if (told !== END) return { done: false, value: this.#make(told) };
    } catch (error) {
      this.#end();
      throw error;
    } finally {
      if (read !== undefined) this.#reads.delete(read);
    }
    this.#end();
    return { done: true, value: undefined };
  }

  /** Ends it: what is being read is let go, and nothing is cancelled. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  #end(): void {
    this.#open = undefined;
    for (const read of this.#reads) finish(read);
    this.#release?.();
    this.#context.close();
    this.#stream?.close();
    this.#stream = undefined;
  }
}
