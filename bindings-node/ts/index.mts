/** ES module form of the one CommonJS copy, so that both forms share classes and connection. `index.d.ts` has the documentation. */

export * from "./index.js";
