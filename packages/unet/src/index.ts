export * from "./config.js";
export * from "./forward.js";
export * from "./keys.js";
export * from "./params.js";
