#!/usr/bin/env node
// A reader that has seen enough, such as head, ends the program as SIGPIPE would: without a word.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(141);
    throw error;
  });

try {
  // Control maps take a second for a folder of hundreds: they don't wait for the modules of training and sampling.
  const isDetect = process.argv[2] === "detect";
  const { createProgram } = isDetect ? await import("./detect/program.js") : await import("./program.js");
  await createProgram().parseAsync();
} catch (error) {
  const { isControlNetError, visible } = await import("@controlnet-js/core");
  // What the system refuses, such as a file that can't be written, is no bug: its message says which one and why.
  const isSystemError = error instanceof Error && "syscall" in error;
  if (!isControlNetError(error) && !isSystemError) throw error;
  process.stderr.write(`error: ${visible(error.message)}\n`);
  process.exitCode = 1;
}

export {};
