#!/usr/bin/env node
try {
  // Control maps take a second for a folder of hundreds: they don't wait for the modules of training and sampling.
  const isDetect = process.argv[2] === "detect";
  const { createProgram } = isDetect ? await import("./detect/program.js") : await import("./program.js");
  await createProgram().parseAsync();
} catch (error) {
  const { isControlNetError } = await import("@controlnet-js/core");
  if (!isControlNetError(error)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
}

export {};
