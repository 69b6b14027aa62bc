#!/usr/bin/env node
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ControlNetError, isControlNetError, visible } from "@controlnet-js/core";
import { engineNames, selectEngine } from "@controlnet-js/engine";
import { Command } from "commander";
import { createServer } from "./server/create-server.js";
import { openModels } from "./server/open-models.js";
import { createPainter } from "./server/painter.js";

const command = new Command("controlnet-demo")
  .description("Serve the page that paints with a ControlNet, on 127.0.0.1.")
  .option("--model <path>", 'base model: "tinyworld", a folder in diffusers\' layout, or a file', "tinyworld")
  .option("--control <path>", "a ControlNet: a folder or a file", "out/quickstart/controlnet")
  .option("--tokenizer <folder>", "the tokenizer of a single file; default: found beside it")
  .option("--port <n>", "port", "5173")
  .option("--engine <name>", `the engine: ${engineNames.join(", ")}`, "auto")
  .parse();

try {
  await serve(command.opts<DemoFlags>());
} catch (error) {
  if (!isControlNetError(error)) throw error;
  process.stderr.write(`error: ${visible(error.message)}\n`);
  process.exitCode = 1;
}

function log(line: string): void {
  process.stderr.write(`${visible(line)}\n`);
}

interface DemoFlags {
  model: string;
  control: string;
  tokenizer?: string;
  port: string;
  engine: string;
}

async function serve(options: DemoFlags): Promise<void> {
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
    log,
  });
  const mayLack = command.getOptionValueSource("control") === "default";
  const lacks = mayLack && !existsSync(options.control);
  const { pipeline, net } = await openModels({
    model: options.model,
    control: lacks ? undefined : options.control,
    tokenizer: options.tokenizer,
    log,
  });
  if (!net) log(`No ControlNet at ${options.control}: painting without control. \`npm start\` trains one.`);
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
