// The video model: the AI SDK's specification v4 on the calls of `@infrai/sdk`.

import {
  InvalidArgumentError,
  type Experimental_VideoModelV4 as VideoModelV4,
  type Experimental_VideoModelV4CallOptions as VideoCallOptions,
  type Experimental_VideoModelV4OperationStartResult as StartResult,
  type Experimental_VideoModelV4OperationStatusResult as StatusResult,
  type Experimental_VideoModelV4Result as GenerateResult,
  type Experimental_VideoModelV4VideoData as VideoData,
  type JSONValue,
} from "@ai-sdk/provider";
import { JobCancelledError, JobFailedError, WaitTimeoutError, type CallOptions, type InfraiClientApi, type VideoJob } from "@infrai/sdk";
import { convertError } from "./errors.js";
import { callOptions, convertCall, outputForm, type InfraiVideoMetadata } from "./options.js";

const GENERATE = "/v1/video/generate";
const jobPath = (id: string): string => `/v1/video/jobs/${encodeURIComponent(id)}`;

/** Facts of a submitted job that its later states lack. `doStart` returns them as the operation. */
type Operation = { jobId: string; costUsd?: number; output: "bytes" | "url" };

/** What an attempt of the AI SDK leaves to the next one. */
type Attempted = { job?: VideoJob; idempotencyKey?: string };

export class InfraiVideoModel implements VideoModelV4 {
  readonly specificationVersion = "v4";
  readonly provider = "infrai.video";
  readonly maxVideosPerCall = 1;
  readonly modelId: string;
  readonly #client: () => InfraiClientApi;
  // The AI SDK passes one object to all attempts of a call, so that a retry continues the job instead of paying for another one.
  readonly #attempted = new WeakMap<VideoCallOptions, Attempted>();

  constructor(modelId: string, client: () => InfraiClientApi) {
    this.modelId = modelId;
    this.#client = client;
  }

  /** Submits a job and waits for it with the client's poller. */
  async doGenerate(options: VideoCallOptions): Promise<GenerateResult> {
    const { wait, call, output, warnings } = convertCall(this.modelId, options);
    const submitted = await this.#submit(options);
    try {
      const job = await this.#client().video.wait(submitted, wait);
      return { ...(await this.#completed(operation(submitted, output), job, call)), warnings };
    } catch (error) {
      throw convertError(error, jobPath(submitted.job_id));
    }
  }

  /** Submits a job. The operation is JSON, from which any process continues. */
  async doStart(options: VideoCallOptions & { webhookUrl?: string }): Promise<StartResult> {
    const { output, warnings } = convertCall(this.modelId, options);
    const job = await this.#submit(options);
    return {
      operation: operation(job, output),
      warnings,
      providerMetadata: { infrai: metadata(operation(job, output), job) },
      response: this.#response(job),
    };
  }

  /** Polls a job once. */
  async doStatus({ operation: given, ...options }: { operation: JSONValue } & Pick<VideoCallOptions, "abortSignal" | "headers">): Promise<StatusResult> {
    const started = readOperation(given);
    const call = callOptions(options);
    try {
      // A wait without time is one poll, which knows what every state means.
      const job = await this.#client().video.wait(started.jobId, { ...call, timeoutMs: 0 });
      return { status: "completed", ...(await this.#completed(started, job, call)), warnings: [] };
    } catch (error) {
      if (error instanceof WaitTimeoutError) return { status: "pending", response: this.#response(error.job) };
      if (error instanceof JobFailedError || error instanceof JobCancelledError) {
        const facts = metadata(started, error.job);
        return { status: "error", error: error.message, providerMetadata: { infrai: facts }, response: this.#response(error.job) };
      }
      throw convertError(error, jobPath(started.jobId));
    }
  }

  async #submit(options: VideoCallOptions): Promise<VideoJob> {
    const attempted = this.#attempted.get(options) ?? {};
    this.#attempted.set(options, attempted);
    if (attempted.job !== undefined) return attempted.job;
    const { body, call } = convertCall(this.modelId, options);
    if (attempted.idempotencyKey !== undefined) body.idempotency_key = attempted.idempotencyKey;
    try {
      attempted.job = await this.#client().video.generate(body, call);
      return attempted.job;
    } catch (error) {
      const { idempotencyKey } = error as { idempotencyKey?: string };
      if (idempotencyKey !== undefined) attempted.idempotencyKey = idempotencyKey;
      throw convertError(error, GENERATE, body);
    }
  }

  async #completed(started: Operation, job: VideoJob, call: CallOptions): Promise<Omit<GenerateResult, "warnings">> {
    let video: VideoData;
    if (started.output === "url" && job.video_url !== undefined) {
      video = { type: "url", url: job.video_url, mediaType: "video/mp4" };
    } else {
      const stream = await this.#client().video.downloadStream(job, call);
      const data = new Uint8Array(await new Response(stream).arrayBuffer());
      video = { type: "binary", data, mediaType: stream.contentType ?? "video/mp4" };
    }
    return { videos: [video], providerMetadata: { infrai: { videos: [metadata(started, job)] } }, response: this.#response(job) };
  }

  #response(job: (VideoJob & { model?: unknown }) | undefined): GenerateResult["response"] {
    const modelId = typeof job?.model === "string" ? job.model : this.modelId;
    return { timestamp: new Date(), modelId, headers: undefined };
  }
}

function operation(job: VideoJob & { cost_usd?: number }, output: "bytes" | "url"): Operation {
  const costUsd = job.cost_usd;
  return { jobId: job.job_id, output, ...(costUsd !== undefined && { costUsd }) };
}

/** Reads an operation, or the id of a job alone. */
function readOperation(given: JSONValue): Operation {
  if (typeof given === "string") return { jobId: given, output: "bytes" };
  const { jobId, costUsd, output } = (given ?? {}) as Record<string, unknown>;
  if (typeof jobId !== "string") {
    const message = `invalid \`operation\`: expected an operation of this provider or the id of a job, got ${JSON.stringify(given)}`;
    throw new InvalidArgumentError({ argument: "operation", message });
  }
  return { jobId, output: outputForm(output), ...(typeof costUsd === "number" && { costUsd }) };
}

function metadata({ jobId, costUsd }: Operation, job: VideoJob | undefined): InfraiVideoMetadata {
  const facts = { jobId, costUsd, vendor: job?._metadata?.vendor, videoUrl: job?.video_url, thumbnailUrl: job?.thumbnail_url };
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as InfraiVideoMetadata;
}
