// Sets everything up, then does the main job: trains a ControlNet on tinyworld and shows that it obeys.
import { run, setUp } from "./setup.mjs";

const native = setUp(["--filter=@controlnet-js/trainer..."]);
const config = native ? "configs/tinyworld-canny.yaml" : "configs/tinyworld-canny-wasm.yaml";
run("node", [
  "apps/trainer/dist/cli.js",
  "quickstart",
  "--config",
  config,
  ...(native ? [] : ["--engine", "wasm"]),
  ...process.argv.slice(2),
]);
