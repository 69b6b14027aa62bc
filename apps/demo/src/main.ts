#!/usr/bin/env node
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ControlNetError, isControlNetError } from "@controlnet-js/core";
import { engineNames, selectEngine } from "@controlnet-js/engine";
import { loadControlNet, loadPipeline } from "@controlnet-js/pipeline/node";
import { weightsFolder } from "@controlnet-js/tinyworld/node";
import { Command } from "commander";
import { createServer } from "./server/create-server.js";
import { createPainter } from "./server/painter.js";

const command = new Command("controlnet-demo")
  .description("Serve the page that paints with a ControlNet, on 127.0.0.1.")
  .option("--model <folder>", 'base model: "tinyworld" or a folder in diffusers\' layout', "tinyworld")
  .option("--control <folder>", "a ControlNet in diffusers' layout", "out/quickstart/controlnet")
  .option("--port <n>", "port", "5173")
  .option("--engine <name>", `the engine: ${engineNames.join(", ")}`, "auto")
  .parse();

try {
  await serve(command.opts<{ model: string; control: string; port: string; engine: string }>());
} catch (error) {
  if (!isControlNetError(error)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
}

async function serve(options: {
  model: string;
  control: string;
  port: string;
  engine: string;
}): Promise<void> {
  const port = portOf(options.port);
  // Beside dist/server.js as beside src/main.ts.
  const pageFolder = fileURLToPath(new URL("../dist/page", import.meta.url));
  if (!existsSync(pageFolder))
    throw new ControlNetError(
      "missing",
      `the page is not built: run \`npm run demo\`, which builds ${pageFolder}`,
    );
  const engine = await selectEngine({
    engine: options.engine,
    log: (line) => process.stderr.write(`${line}\n`),
  });
  const pipeline = await loadPipeline(options.model === "tinyworld" ? weightsFolder() : options.model);
  const mayLack = command.getOptionValueSource("control") === "default";
  const net = mayLack && !existsSync(options.control) ? undefined : await loadControlNet(options.control);
  if (!net)
    process.stderr.write(
      `No ControlNet at ${options.control}: painting without control. \`npm start\` trains one.\n`,
    );
  const server = createServer({
    painter: createPainter(pipeline, net),
    pageFolder,
    engine: engine.description,
  });
  const url = await server.listen({ host: "127.0.0.1", port }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "EADDRINUSE" && cause.code !== "EACCES") throw cause;
    const why = cause.code === "EACCES" ? "is not allowed" : "is in use";
    throw new ControlNetError("io", `port ${port} ${why}; choose another by --port`, { cause });
  });
  process.stdout.write(`${engine.description}\nOpen ${url}\n`);
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => void server.close().then(() => process.exit(0)));
}

function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535)
    throw new ControlNetError("range", `--port: expected a whole number from 0 to 65535, got "${text}"`);
  return port;
}
