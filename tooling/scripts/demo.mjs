// Sets everything up, then serves the demo page with the model on 127.0.0.1.
import { run, setUp } from "./setup.mjs";

setUp(["--filter=@controlnet-js/demo..."]);
run("node", ["apps/demo/dist/server.js", ...process.argv.slice(2)]);
