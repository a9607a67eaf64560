// Calls of the account.

import { call, splitCallOptions, type Client } from "./calls.js";
import type { Balance, CallOptions, TopupOptions, TopupRecord, TopupRequest, WaitForCreditOptions } from "./types.js";

/** Public calls of {@link Account}, for a fake in tests. */
export interface AccountApi extends Pick<Account, keyof Account> {}

/** Calls of the account: `client.account`. */
export class Account implements AccountApi {
  readonly #client: Client;

  /** @internal */
  constructor(client: Client) {
    this.#client = client;
  }

  /**
   * Returns the balance: `GET /v1/account/balance`.
   *
   * ```ts
   * const { balance_usd } = await client.account.balance();
   * ```
   */
  balance(options?: CallOptions): Promise<Balance> {
    const [settings, own] = splitCallOptions(options);
    return call(this.#client, settings, this.balance, (id) => this.#client.native.balance(id, own));
  }

  /**
   * Starts a payment: a person pays at the record's `next_action_url`, and nothing is added before.
   * `POST /v1/account/topup`.
   *
   * The API documents no route for the state of a top-up: {@link waitForCredit} waits for its credit. The API may bound the
   * amount; the sandbox takes 1 to 10,000.
   *
   * ```ts
   * const request = { prompt: "a red kite", idempotency_key: "order-1" };
   * let job;
   * try {
   *   job = await client.video.generate(request);
   * } catch (error) {
   *   if (!(error instanceof PaymentRequiredError)) throw error;
   *   const { balance_usd } = await client.account.balance();
   *   const { next_action_url } = await client.account.topup({ amount_usd: 20 });
   *   console.log(`pay at ${next_action_url}`);
   *   await client.account.waitForCredit(balance_usd + 20);
   *   job = await client.video.generate(request);
   * }
   * ```
   */
  topup(request: TopupRequest, options?: TopupOptions): Promise<TopupRecord> {
    const [settings, own] = splitCallOptions(options);
    return call(this.#client, settings, this.topup, (id, abortable) =>
      this.#client.native.topup(id, request, own, abortable),
    );
  }

  /**
   * Waits until the balance is at least `minUsd`, and returns it: polls `GET /v1/account/balance`. The first pause between
   * two polls is 1 second, the longest 15 seconds.
   *
   * ```ts
   * await client.account.waitForCredit(20, { timeoutMs: 600_000 });
   * ```
   *
   * @param minUsd Balance in US dollars, more than 0.
   */
  waitForCredit(minUsd: number, options?: WaitForCreditOptions): Promise<Balance> {
    const [settings, own] = splitCallOptions(options);
    return call(this.#client, settings, this.waitForCredit, (id) => this.#client.native.waitForCredit(id, minUsd, own));
  }
}
