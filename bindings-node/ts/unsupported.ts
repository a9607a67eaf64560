// Entry for browsers, workers and edge runtimes, which have neither Node-API nor a safe place for a key.

throw new Error(
  "@infrai/sdk runs in Node.js 20 or newer, and was imported for a browser, a worker or an edge runtime. " +
    "Call it from server code: everyone can read a project key in a browser. " +
    'In Next.js, set `export const runtime = "nodejs"` in the route and add "@infrai/sdk" to `serverExternalPackages`; ' +
    "in Jest, use the node environment (`@jest-environment node`).",
);
