export * from "./config.js";
export * from "./forward.js";
export * from "./hint-encoder.js";
export * from "./keys.js";
export * from "./load.js";
export * from "./params.js";
