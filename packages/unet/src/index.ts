export * from "./config.js";
export * from "./diffusers-config.js";
export * from "./forward.js";
export * from "./guidance-embedding.js";
export * from "./keys.js";
export * from "./params.js";
