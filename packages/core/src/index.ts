export * from "./errors.js";
export * from "./tree.js";
export * from "./random.js";
export * from "./condition.js";
export * from "./jit.js";
