// Async iterator over a native stream.

import { call, DONE, finish, onAbort, unwrap, type Abortable, type CallSettings, type StreamContext } from "./calls.js";
import type { NativeResult, NativeStream } from "./native.js";

/** A native stream that the first read opens. Each read is a call of its own, so that only a pending read keeps the process alive. */
export class NativeAsyncIterator<T> implements AsyncIterableIterator<T> {
  readonly #settings: CallSettings;
  readonly #context: StreamContext;
  readonly #convert: (item: unknown) => T | undefined;
  readonly #reads = new Set<number>();
  readonly #abortable: Abortable;
  #open: (() => NativeResult<NativeStream>) | undefined;
  #stream: NativeStream | undefined;
  #removeFromSignal: (() => void) | undefined;
  #drains = false;

  constructor(
    settings: CallSettings,
    open: () => NativeResult<NativeStream>,
    context: StreamContext,
    /** Returns `undefined` for an event that is no item. */
    convert: (item: unknown) => T | undefined,
    /** Runs when the signal aborts, even between two reads. */
    aborted?: (reason: unknown) => void,
  ) {
    this.#settings = settings;
    this.#open = open;
    this.#context = context;
    this.#convert = convert;
    this.#abortable = {
      abort: (reason) => {
        if (settings.graceful) {
          // The reads that follow return what the stream has still to say, and its error.
          this.#drains = true;
          this.#stream?.abort();
          return;
        }
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
      this.#stream = unwrap(open(), this.next);
      this.#removeFromSignal = onAbort(this.#settings.signal, this.#abortable);
    }
    const stream = this.#stream;
    if (stream === undefined) return { done: true, value: undefined };
    let read: number | undefined;
    try {
      for (;;) {
        const item = await call<unknown>(undefined, { ...this.#settings, drains: this.#drains }, this.next, (id) => {
          this.#reads.add((read = id));
          return stream.next(id);
        });
        if (item === DONE) break;
        this.#reads.delete(read as unknown as number);
        const value = this.#convert(item);
        if (value !== undefined) return { done: false, value };
      }
    } catch (error) {
      this.#end();
      throw error;
    } finally {
      if (read !== undefined) this.#reads.delete(read);
    }
    this.#end();
    return { done: true, value: undefined };
  }

  /** Ends the stream and the pending reads. It cancels no job. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  #end(): void {
    this.#open = undefined;
    for (const read of this.#reads) finish(read);
    this.#removeFromSignal?.();
    this.#context.close();
    this.#stream?.close();
    this.#stream = undefined;
  }
}
