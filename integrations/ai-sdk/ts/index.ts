// Exports of `@infrai/ai-sdk`.

export { createInfrai, infrai, type InfraiProvider, type InfraiProviderSettings } from "./provider.js";
export type { InfraiVideoMetadata, InfraiVideoModelOptions } from "./options.js";
