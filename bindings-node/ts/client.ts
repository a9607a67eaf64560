// The client: its settings, and the groups of calls that it makes.

import { inspect } from "node:util";
import { Account } from "./account.js";
import { call, connection, given, prepareAnew, split, type Client, type Functions } from "./calls.js";
import { ConfigurationError } from "./errors.js";
import { pathOf } from "./paths.js";
import type {
  ActivateOptions,
  ActivateResult,
  ApiResponse,
  ClientCallOptions,
  InfraiClientOptions,
  RequestOptions,
} from "./types.js";
import { Video } from "./video.js";

/** A client that is made already, for the constructor. */
class Made {
  constructor(readonly client: Client) {}
}

/**
 * A client of the Infrai API. Make one and keep it: its calls share connections, retry budget and polling.
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
export class InfraiClient {
  /** Videos: generate, status, cancel, wait, watch, download. */
  readonly video: Video;
  /** The account: balance and top-up. */
  readonly account: Account;
  readonly #client: Client;

  /**
   * Reads nothing and sends nothing yet: a missing key is an error of the first call. Throws a `ConfigurationError` for a
   * setting that can never work.
   */
  constructor(options: InfraiClientOptions = {}) {
    this.#client = options instanceof Made ? options.client : open(options);
    this.video = new Video(this.#client);
    this.account = new Account(this.#client);
  }

  /**
   * The same client with other settings for the calls made through what this returns.
   *
   * ```ts
   * const hurried = client.withOptions({ timeoutMs: 5_000, maxRetries: 0 });
   * await hurried.account.balance();
   * ```
   */
  withOptions(options: ClientCallOptions): InfraiClient {
    const native = given(this.#client.native.withOptions(options), this.withOptions);
    return new InfraiClient(new Made({ ...this.#client, native }) as InfraiClientOptions);
  }

  /**
   * Makes this device an anonymous account with a trial credit, and stores its key: `POST /v1/activate`. Where the profile
   * has a key already, that is returned and nothing is sent.
   */
  async activate(options?: ActivateOptions): Promise<ActivateResult> {
    const [settings, own] = split(options);
    const { result, keyHint } = await call<{ result: ActivateResult; keyHint: string }>(
      this.#client,
      settings,
      this.activate,
      (number) => {
        prepareAnew();
        return this.#client.native.activate(number, own);
      },
    );
    const show = (): unknown => ({ ...result, primary_api_key: keyHint });
    return Object.defineProperty(result, inspect.custom, { value: show, enumerable: false });
  }

  /**
   * Any other route of the API, with the same key, retries, envelope and errors.
   *
   * @param path Starts with exactly one `/` and goes below the base URL.
   * @param body Plain data, sent as JSON: a `BigInt` keeps every digit, `undefined` members are left out.
   */
  request<T = unknown>(
    method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | (string & {}),
    path: string,
    body?: unknown,
    options?: RequestOptions,
  ): Promise<ApiResponse<T>> {
    const [settings, own] = split(options);
    return call(this.#client, settings, this.request, (number, abortable) =>
      this.#client.native.request(number, method, path, body, own, abortable),
    );
  }
}

function open(options: InfraiClientOptions): Client {
  if (typeof options !== "object" || options === null) throw refused("the settings", "an object", options);
  const { apiKey, onRequest, onResponse, ...rest } = options;
  for (const [name, hook] of [["onRequest", onRequest], ["onResponse", onResponse]] as const) {
    if (hook != null && typeof hook !== "function") throw refused(name, "a function", hook);
  }
  const functions: Functions = {};
  if (typeof apiKey === "function") functions.key = apiKey;
  if (onRequest != null) functions.request = onRequest;
  if (onResponse != null) functions.response = onResponse;
  const settings = {
    ...rest,
    apiKey: typeof apiKey === "function" ? undefined : apiKey,
    credentialsFile: pathOf(rest.credentialsFile, (expected, got) => invalid("credentialsFile", expected, got)),
    caFile: pathOf(rest.caFile, (expected, got) => invalid("caFile", expected, got)),
  };
  const asked = { key: functions.key !== undefined, request: onRequest != null, response: onResponse != null };
  const native = connection().client(settings, asked, runtime());
  const none = Object.keys(functions).length === 0;
  return { native: given(native, InfraiClient), functions: none ? undefined : functions, settled: false };
}

function refused(name: string, expected: string, got: unknown): ConfigurationError {
  return invalid(name, expected, `a value of type ${got === null ? "null" : typeof got}`);
}

function invalid(name: string, expected: string, got: string): ConfigurationError {
  return new ConfigurationError({ code: "CONFIGURATION_INVALID", message: `invalid \`${name}\`: expected ${expected}, got ${got}` });
}

function runtime(): string {
  const { bun, deno, node } = process.versions as Record<string, string | undefined>;
  return bun !== undefined ? `bun ${bun}` : deno !== undefined ? `deno ${deno}` : `node ${node}`;
}
