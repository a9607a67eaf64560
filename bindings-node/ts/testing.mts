// The same as ES modules, over the one CommonJS copy.

export * from "./testing.js";
