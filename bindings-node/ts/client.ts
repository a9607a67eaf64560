// The client: its options, and its groups of calls.

import { inspect } from "node:util";
import { Account, type AccountApi } from "./account.js";
import { call, connection, prepareAnew, splitCallOptions, unwrap, type Callbacks, type Client } from "./calls.js";
import { ConfigurationError } from "./errors.js";
import { fromFileUrl } from "./paths.js";
import type {
  ActivateOptions,
  ActivateRequest,
  ActivateResult,
  ApiResponse,
  CallOptions,
  Capability,
  ClientCallOptions,
  Discovery,
  InfraiClientOptions,
  RequestOptions,
} from "./types.js";
import { Video, type VideoApi } from "./video.js";

/**
 * Public calls of {@link InfraiClient}. Code that takes this type accepts a fake in tests without a cast.
 *
 * ```ts
 * const fake: Pick<VideoApi, "status"> = { status: async (job_id) => ({ job_id, state: "succeeded" }) };
 * ```
 */
export interface InfraiClientApi extends Pick<InfraiClient, "activate" | "discover" | "request"> {
  readonly video: VideoApi;
  readonly account: AccountApi;
  withOptions(options: ClientCallOptions): InfraiClientApi;
}

/** The state of a client that exists, for the constructor. */
class ClientParts {
  constructor(readonly client: Client) {}
}

/**
 * A client of the Infrai API. Make one and keep it: its calls share connections, retry budget and polls.
 *
 * ```ts
 * import { InfraiClient } from "@infrai/sdk";
 *
 * const client = new InfraiClient({ apiKey: process.env.INFRAI_API_KEY! });
 * const job = await client.video.generate({ prompt: "a timelapse of a city skyline at dusk" });
 * const done = await client.video.wait(job);
 * await client.video.download(done, "skyline.mp4", { overwrite: true });
 * ```
 */
export class InfraiClient implements InfraiClientApi {
  /** Videos: generate, status, cancel, wait, watch, download. */
  readonly video: Video;
  /** The account: balance and payments. */
  readonly account: Account;
  readonly #client: Client;

  /**
   * Makes a client. It reads and sends nothing yet: a missing key is an error of the first call. Throws a
   * `ConfigurationError` for an invalid option.
   */
  constructor(options: InfraiClientOptions = {}) {
    this.#client = options instanceof ClientParts ? options.client : createNative(options);
    this.video = new Video(this.#client);
    this.account = new Account(this.#client);
  }

  /**
   * Sum of what the client's jobs cost, in US dollars: the known costs of jobs that it submitted, less refunds. A job that a
   * repeated idempotency key returned again counts once. Clients of {@link withOptions} share the sum.
   */
  get spentUsd(): number {
    return this.#client.native.spentUsd();
  }

  /**
   * Returns the same client with other options for its calls.
   *
   * ```ts
   * const hurried = client.withOptions({ timeoutMs: 5_000, maxRetries: 0 });
   * await hurried.account.balance();
   * ```
   */
  withOptions(options: ClientCallOptions): InfraiClient {
    const native = unwrap(this.#client.native.withOptions(options), this.withOptions);
    return new InfraiClient(new ClientParts({ ...this.#client, native }) as InfraiClientOptions);
  }

  /**
   * Activates an anonymous account with a trial credit for this device, and stores its key: `POST /v1/activate`. If the
   * profile already has a key, returns that key and sends nothing.
   *
   * ```ts
   * const { account_id, trial_credit_usd } = await client.activate();
   * console.log(account_id, trial_credit_usd);
   * ```
   */
  async activate(request?: ActivateRequest, options?: ActivateOptions): Promise<ActivateResult> {
    const [settings, own] = splitCallOptions(options);
    const { result, keyHint } = await call<{ result: ActivateResult; keyHint: string }>(
      this.#client,
      settings,
      this.activate,
      (id) => {
        prepareAnew();
        return this.#client.native.activate(id, request, own);
      },
    );
    const redacted = (): unknown => ({ ...result, primary_api_key: keyHint });
    return Object.defineProperty(result, inspect.custom, { value: redacted, enumerable: false });
  }

  /**
   * Returns the API's capabilities with their routes, prices and parameters: `GET /v1/discovery`. The call sends no key
   * and needs none. A server may have no discovery, which is a `NotFoundError`.
   *
   * ```ts
   * const { path, billing } = await client.discover("video.generate");
   * ```
   *
   * @param capability Id of one capability. Default: all of them.
   */
  discover(capability?: undefined, options?: CallOptions): Promise<Discovery>;
  discover(capability: string, options?: CallOptions): Promise<Capability>;
  discover(capability?: string, options?: CallOptions): Promise<Discovery | Capability> {
    const [settings, own] = splitCallOptions(options);
    return call(this.#client, settings, this.discover, (id) => this.#client.native.discover(id, capability, own));
  }

  /**
   * Calls any other route of the API, with the same key, retries, envelope and errors.
   *
   * ```ts
   * const { data, status } = await client.request<{ balance_usd: number }>("GET", "/v1/account/balance");
   * ```
   *
   * @param path Starts with exactly one `/` and continues the base URL.
   * @param body Plain data, sent as JSON. A `BigInt` keeps every digit. Members that are `undefined` are left out.
   */
  request<T = unknown>(
    method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | (string & {}),
    path: string,
    body?: unknown,
    options?: RequestOptions,
  ): Promise<ApiResponse<T>> {
    const [settings, own] = splitCallOptions(options);
    return call(this.#client, settings, this.request, (id, abortable) =>
      this.#client.native.request(id, method, path, body, own, abortable),
    );
  }
}

function createNative(options: InfraiClientOptions): Client {
  if (typeof options !== "object" || options === null) throw invalidType("options", "an object", options);
  const { apiKey, onRequest, onResponse, ...rest } = options;
  for (const [name, hook] of [["onRequest", onRequest], ["onResponse", onResponse]] as const) {
    if (hook != null && typeof hook !== "function") throw invalidType(name, "a function", hook);
  }
  const callbacks: Callbacks = {};
  if (typeof apiKey === "function") callbacks.key = apiKey;
  if (onRequest != null) callbacks.request = onRequest;
  if (onResponse != null) callbacks.response = onResponse;
  const native = {
    ...rest,
    apiKey: typeof apiKey === "function" ? undefined : apiKey,
    credentialsFile: fromFileUrl(rest.credentialsFile, (expected, got) => invalid("credentialsFile", expected, got)),
    caFile: fromFileUrl(rest.caFile, (expected, got) => invalid("caFile", expected, got)),
  };
  const present = { key: callbacks.key !== undefined, request: onRequest != null, response: onResponse != null };
  const none = Object.keys(callbacks).length === 0;
  return {
    native: unwrap(connection().client(native, present, runtime()), InfraiClient),
    callbacks: none ? undefined : callbacks,
    settled: false,
  };
}

function invalidType(name: string, expected: string, got: unknown): ConfigurationError {
  return invalid(name, expected, `a value of type ${got === null ? "null" : typeof got}`);
}

function invalid(name: string, expected: string, got: string): ConfigurationError {
  return new ConfigurationError({ code: "CONFIGURATION_INVALID", message: `invalid \`${name}\`: expected ${expected}, got ${got}` });
}

/** Returns the program that runs this, for `User-Agent`. */
function runtime(): string {
  const { bun, deno, node } = process.versions as Record<string, string | undefined>;
  return bun !== undefined ? `bun ${bun}` : deno !== undefined ? `deno ${deno}` : `node ${node}`;
}
