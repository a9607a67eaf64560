// Conversion of the errors of `@infrai/sdk` to those of the AI SDK, which decides by them whether it retries.

import { AISDKError, APICallError, InvalidArgumentError, LoadAPIKeyError } from "@ai-sdk/provider";
import { InfraiError } from "@infrai/sdk";

/**
 * Converts an error. The original is its `cause`, and `data` of an `APICallError` has the fields. An `AbortError` stays as it is:
 * the AI SDK knows it by its name.
 *
 * @param path Path of the route that was called. The client knows the origin.
 * @param body Body of the request, without a key.
 */
export function convertError(error: unknown, path: string, body: object = {}): unknown {
  if (!(error instanceof InfraiError) || error.kind === "aborted") return error;
  const message = error.hint === undefined ? error.message : `${error.message}. ${error.hint}`;
  if (error.code === "API_KEY_MISSING") return new LoadAPIKeyError({ message });
  if (error.status === undefined && error.kind === "invalid_request") {
    return new InvalidArgumentError({ argument: String(error.details?.["field"]), message, cause: error });
  }
  if (error.status === undefined && !error.retryable) {
    return new AISDKError({ name: `AI_Infrai${error.name}`, message, cause: error });
  }
  const headers = { "x-request-id": error.requestId, "retry-after": error.retryAfter?.toString() };
  return new APICallError({
    message,
    url: path,
    requestBodyValues: body,
    responseHeaders: Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined)) as Record<string, string>,
    isRetryable: error.retryable,
    data: error.toJSON(),
    cause: error,
    ...(error.status !== undefined && { statusCode: error.status }),
  });
}
