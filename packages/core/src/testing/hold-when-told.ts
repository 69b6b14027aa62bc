// Run by a test as a process of its own: tries each lock file that it is sent, holds it until it is sent the next, or is killed.
import { holdLock } from "../node/lock-file.js";

let release = () => {};
process.on("message", async (path: string) => {
  release();
  release = () => {};
  try {
    release = await holdLock(path, { held: "test" });
    process.send!("held");
  } catch (error) {
    process.send!((error as Error).message);
  }
});
process.send!("ready");
