#!/usr/bin/env node
import { isControlNetError } from "@controlnet-js/core";
import { takeControls } from "./control-arguments.js";
import { createProgram } from "./program.js";

const args = process.argv.slice(2);
try {
  const known = args[0] === "sample" ? takeControls(args).rest : args;
  await createProgram(args).parseAsync(known, { from: "user" });
} catch (error) {
  if (!isControlNetError(error)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
}
