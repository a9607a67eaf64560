// The same as ES modules, over the one CommonJS copy: one set of classes, one connection, however it is imported.

export * from "./index.js";
