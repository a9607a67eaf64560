// ES module form of the one CommonJS copy, so that both forms share classes and connection.

export * from "./index.js";
