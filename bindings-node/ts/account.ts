// Calls of the account.

import { call, splitCallOptions, type Client } from "./calls.js";
import type { Balance, CallOptions, TopupOptions, TopupRecord, TopupRequest } from "./types.js";

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
   * Starts a payment: `POST /v1/account/topup`. The payment page is at the record's `next_action_url`.
   *
   * ```ts
   * const { next_action_url } = await client.account.topup({ amount_usd: 20 });
   * ```
   */
  topup(request: TopupRequest, options?: TopupOptions): Promise<TopupRecord> {
    const [settings, own] = splitCallOptions(options);
    return call(this.#client, settings, this.topup, (id, abortable) =>
      this.#client.native.topup(id, request, own, abortable),
    );
  }
}
