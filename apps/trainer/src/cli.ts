#!/usr/bin/env node
import { isControlNetError } from "@controlnet-js/core";
import { createProgram } from "./program.js";

try {
  await createProgram().parseAsync();
} catch (error) {
  if (!isControlNetError(error)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
}
