// The account: what is left on it, and how to add to it.

import { call, split, type Client } from "./calls.js";
import type { Balance, CallOptions, TopupOptions, TopupRecord } from "./types.js";

/** The account's calls: `client.account`. */
export class Account {
  readonly #client: Client;

  /** @internal */
  constructor(client: Client) {
    this.#client = client;
  }

  /** What is left on the account: `GET /v1/account/balance`. */
  balance(options?: CallOptions): Promise<Balance> {
    const [settings, own] = split(options);
    return call(this.#client, settings, this.balance, (number) => this.#client.native.balance(number, own));
  }

  /**
   * Adds to the account: `POST /v1/account/topup`. The record's `next_action_url` is where to pay.
   *
   * @param amountUsd In US dollars.
   */
  topup(amountUsd: number, options?: TopupOptions): Promise<TopupRecord> {
    const [settings, own] = split(options);
    return call(this.#client, settings, this.topup, (number, abortable) =>
      this.#client.native.topup(number, amountUsd, own, abortable),
    );
  }
}
