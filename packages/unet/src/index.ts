export * from "./config.js";
export * from "./params.js";
export * from "./forward.js";
export * from "./keys.js";
