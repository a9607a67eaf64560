// The provider: makes video models, and one client for all of them.

import { NoSuchModelError, type Experimental_VideoModelV4, type ProviderV4 } from "@ai-sdk/provider";
import { InfraiClient, type InfraiClientApi, type InfraiClientOptions } from "@infrai/sdk";
import { InfraiVideoModel } from "./video-model.js";

/** A client of `@infrai/sdk`, or the options of one. */
export type InfraiProviderSettings = { client: InfraiClientApi } | (InfraiClientOptions & { client?: undefined });

/** Provider of the AI SDK. It has video models only. */
export interface InfraiProvider extends ProviderV4 {
  /**
   * Returns a video model for `experimental_generateVideo` and `experimental_startVideo`.
   *
   * ```ts
   * const { video } = await experimental_generateVideo({ model: infrai.video(), prompt: "a paper boat on a pond" });
   * ```
   *
   * @param modelId Model by name. Default: `"auto"`, the API's choice.
   */
  video(modelId?: string): Experimental_VideoModelV4;
  /** The same as `video`, for registries. */
  videoModel(modelId: string): Experimental_VideoModelV4;
}

/**
 * Makes a provider. Its models share one client, which is made at the first call.
 *
 * ```ts
 * const infrai = createInfrai({ apiKey: () => keyOfTenant(), timeoutMs: 30_000 });
 * ```
 *
 * @param settings Options of `InfraiClient`, or `{ client }` with a client of your own. Default: the environment and the profile.
 */
export function createInfrai(settings: InfraiProviderSettings = {}): InfraiProvider {
  let shared: InfraiClientApi | undefined;
  const client = (): InfraiClientApi => (shared ??= settings.client ?? new InfraiClient({ userAgentSuffix: "ai-sdk", ...settings }));
  const video = (modelId = "auto"): Experimental_VideoModelV4 => new InfraiVideoModel(modelId, client);
  const none = (modelType: "languageModel" | "embeddingModel" | "imageModel") => (modelId: string): never => {
    throw new NoSuchModelError({ modelId, modelType });
  };
  return {
    specificationVersion: "v4",
    video,
    videoModel: video,
    languageModel: none("languageModel"),
    embeddingModel: none("embeddingModel"),
    imageModel: none("imageModel"),
  };
}

/** Provider with a client of the environment: `INFRAI_API_KEY`, else the profile's key. */
export const infrai: InfraiProvider = createInfrai();
