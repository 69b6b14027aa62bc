export { holdLock, type LockOptions } from "./lock-file.js";
