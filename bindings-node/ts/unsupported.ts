// What browsers, workers and edge runtimes get: a sentence, since they have neither Node-API nor a place to keep a key.

throw new Error(
  "@infrai/sdk runs in Node.js 20 or newer, and was imported for a browser, a worker or an edge runtime. " +
    "Call it from server code: a project key in a browser is everybody's. " +
    'In Next.js, set `export const runtime = "nodejs"` in the route and add "@infrai/sdk" to `serverExternalPackages`; ' +
    "in Jest, use the node environment (`@jest-environment node`).",
);
