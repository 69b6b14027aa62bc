#!/usr/bin/env node
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isControlNetError } from "@controlnet-js/core";
import { engineNames, selectEngine } from "@controlnet-js/engine";
import { loadControlNet, loadPipeline } from "@controlnet-js/pipeline/node";
import { weightsFolder } from "@controlnet-js/tinyworld/node";
import { Command } from "commander";
import { createServer } from "./create-server.js";
import { createPainter } from "./painter.js";

const options = new Command("controlnet-demo")
  .description("Serve the page that paints with a ControlNet, on 127.0.0.1.")
  .option("--model <folder>", 'base model: "tinyworld" or a folder in diffusers\' layout', "tinyworld")
  .option("--control <folder>", "a ControlNet in diffusers' layout", "out/quickstart/controlnet")
  .option("--port <n>", "port", "5173")
  .option("--engine <name>", `the engine: ${engineNames.join(", ")}`, "auto")
  .parse()
  .opts<{ model: string; control: string; port: string; engine: string }>();

try {
  const engine = await selectEngine({
    engine: options.engine,
    log: (line) => process.stderr.write(`${line}\n`),
  });
  const pipeline = await loadPipeline(options.model === "tinyworld" ? weightsFolder() : options.model);
  const net = existsSync(options.control) ? await loadControlNet(options.control) : undefined;
  if (!net)
    process.stderr.write(
      `No ControlNet at ${options.control}: painting without control. \`npm start\` trains one.\n`,
    );
  const server = createServer({
    painter: createPainter(pipeline, net),
    pageFolder: fileURLToPath(new URL("page", import.meta.url)),
    engine: engine.description,
  });
  const url = await server.listen({ host: "127.0.0.1", port: Number(options.port) });
  process.stdout.write(`${engine.description}\nOpen ${url}\n`);
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => void server.close().then(() => process.exit(0)));
} catch (error) {
  if (!isControlNetError(error)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
}
