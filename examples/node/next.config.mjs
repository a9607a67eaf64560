// next.config.mjs
export default { serverExternalPackages: ["@infrai/sdk"] };
