// Conversion of the AI SDK's call options to those of `@infrai/sdk`.

import {
  InvalidArgumentError,
  UnsupportedFunctionalityError,
  type Experimental_VideoModelV4CallOptions as VideoCallOptions,
  type Experimental_VideoModelV4File as VideoFile,
  type SharedV4Warning,
} from "@ai-sdk/provider";
import type { CallOptions, VideoGenerateOptions, WaitOptions } from "@infrai/sdk";

/**
 * Options of `providerOptions.infrai`: fields of `generate`'s body, spelled as on the wire, and options of the wait.
 *
 * ```ts
 * providerOptions: { infrai: { prefer: "cheapest", timeoutMs: 600_000 } satisfies InfraiVideoModelOptions }
 * ```
 */
export type InfraiVideoModelOptions = Partial<Omit<VideoGenerateOptions, "prompt">> &
  Pick<WaitOptions, "timeoutMs" | "cancelOnTimeout" | "cancelOnAbort"> & {
    /**
     * Form of the video: its bytes, downloaded by `@infrai/sdk`, which resumes a broken download, or its URL, which the AI SDK
     * downloads. Default: `"bytes"`.
     */
    output?: "bytes" | "url" | undefined;
  };

/** An entry of `providerMetadata.infrai.videos`, one per video. */
export type InfraiVideoMetadata = {
  /** Id of the job. */
  jobId: string;
  /** Cost of the job in US dollars, before any refund. */
  costUsd?: number;
  /** Vendor that made the video. */
  vendor?: string;
  /** URL of the video. It needs no key, and expires. */
  videoUrl?: string;
  /** URL of a still of the video. */
  thumbnailUrl?: string;
};

/** A call, in the terms of `@infrai/sdk`. */
export interface ConvertedCall {
  body: VideoGenerateOptions;
  call: CallOptions;
  wait: WaitOptions;
  output: "bytes" | "url";
  warnings: SharedV4Warning[];
}

/** Converts a call. Throws for an input that the video would silently lack, and warns of every other setting without effect. */
export function convertCall(modelId: string, options: VideoCallOptions & { webhookUrl?: string }): ConvertedCall {
  const { output, timeoutMs, cancelOnTimeout, cancelOnAbort, ...own } = (options.providerOptions["infrai"] ?? {}) as InfraiVideoModelOptions;
  const warnings: SharedV4Warning[] = [];
  const unsupported = (feature: string, details: string): void => void warnings.push({ type: "unsupported", feature, details });

  if (options.n > 1) unsupported("n", "one video per call: leave `maxVideosPerCall` unset, and the AI SDK makes a call per video");
  if (options.fps != null) unsupported("fps", "the API chooses the frames per second");
  if (options.seed != null) unsupported("seed", "the API takes no seed");
  if (options.generateAudio != null) unsupported("generateAudio", "the API takes no setting for audio");
  if (options.webhookUrl != null) unsupported("webhookUrl", "the API has webhooks per account: register one there, and verify it with `webhooks` of @infrai/sdk");
  if (options.frameImages?.some(({ frameType }) => frameType === "last_frame")) unsupported("frameImages", "the API takes no last frame");

  const start = options.image ?? options.frameImages?.find(({ frameType }) => frameType === "first_frame")?.image;
  const [image, ...further] = [...(start == null ? [] : [start]), ...(options.inputReferences ?? [])];
  if (further.length > 0) unsupported("inputReferences", "the API takes one reference image");

  const size = shape(options.resolution);
  if (options.aspectRatio === "adaptive") unsupported("aspectRatio", "the API does not derive the ratio from the image");
  const aspect = options.aspectRatio === "adaptive" ? undefined : options.aspectRatio;
  if (aspect !== undefined && size !== undefined && aspect !== size.aspect) {
    unsupported("resolution", `aspectRatio ${aspect} decides the shape, and of ${options.resolution} only ${size.resolution} is used`);
  }

  const fields = {
    prompt: options.prompt ?? "",
    model: modelId === "auto" ? undefined : modelId,
    reference_image_url: image === undefined ? undefined : imageUrl(image),
    aspect: aspect ?? size?.aspect,
    resolution: size?.resolution,
    duration_seconds: options.duration,
    idempotency_key: header(options.headers, "idempotency-key"),
  };
  const call = callOptions(options);
  const wait = { ...call, timeoutMs, cancelOnTimeout, cancelOnAbort };
  return {
    body: { ...fields, ...own },
    call,
    wait: Object.fromEntries(Object.entries(wait).filter(([, value]) => value !== undefined)),
    output: outputForm(output),
    warnings,
  };
}

/** Returns the options of a call: its signal, and the headers that `@infrai/sdk` does not set itself. */
export function callOptions({ abortSignal, headers }: Pick<VideoCallOptions, "abortSignal" | "headers">): CallOptions {
  const further = Object.entries(headers ?? {}).filter(
    ([name, value]) => value !== undefined && !["idempotency-key", "user-agent"].includes(name.toLowerCase()),
  );
  return { signal: abortSignal, headers: Object.fromEntries(further) as Record<string, string> };
}

/** Checks the form of the video. */
export function outputForm(output: unknown): "bytes" | "url" {
  if (output === undefined || output === "bytes" || output === "url") return output ?? "bytes";
  const argument = "providerOptions.infrai.output";
  throw new InvalidArgumentError({ argument, message: `invalid \`${argument}\`: expected "bytes" or "url", got ${JSON.stringify(output)}` });
}

function header(headers: VideoCallOptions["headers"], name: string): string | undefined {
  return Object.entries(headers ?? {}).find(([key, value]) => key.toLowerCase() === name && value !== undefined)?.[1];
}

function imageUrl(image: VideoFile): string {
  if (image.type === "url") return image.url;
  throw new UnsupportedFunctionalityError({
    functionality: "image as data",
    message: "The API takes a reference image by its http(s) URL: upload the image, and pass the URL as `prompt.image`.",
  });
}

/** Splits `1280x720` into `720p` and `16:9`. The API rejects what it does not have. */
function shape(resolution: string | undefined): { aspect: string; resolution: string } | undefined {
  const [width, height] = resolution?.split("x").map(Number) ?? [];
  if (width === undefined || height === undefined || !(width > 0 && height > 0)) return undefined;
  const divisor = gcd(width, height);
  const lines = Math.min(width, height);
  return { aspect: `${width / divisor}:${height / divisor}`, resolution: lines === 2160 ? "4k" : `${lines}p` };
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
