// Run by a test as a process of its own: saves a model and dies at the n-th rename.
import { promises } from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const [folder, deadly] = process.argv.slice(2);
const { rename } = promises;
let renames = 0;
promises.rename = async (from, to) => {
  if (++renames === Number(deadly)) {
    process.kill(process.pid, "SIGKILL");
    await new Promise(() => setInterval(() => {}, 1000));
  }
  await rename(from, to);
};
syncBuiltinESMExports();
const { saveModelFolder } = await import("../node/save-model-folder.js");
const { float32Tensor } = await import("../tensor-source.js");
await saveModelFolder(folder!, { version: "new" }, [float32Tensor("a", [1], Float32Array.of(2))]);
