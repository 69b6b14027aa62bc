export { type ListOptions, listFiles } from "./list-files.js";
export { holdLock, type LockOptions } from "./lock-file.js";
