// ES module form of the one CommonJS copy.

export * from "./webhooks.js";
