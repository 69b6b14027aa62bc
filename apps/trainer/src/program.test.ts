import { describe, expect, test } from "vitest";
import { createProgram } from "./program.js";

/** What a command line writes before it ends. */
async function outputOf(...args: string[]): Promise<string> {
  let written = "";
  const program = createProgram();
  for (const command of [program, ...program.commands])
    command.exitOverride().configureOutput({
      writeOut: (text) => {
        written += text;
      },
      writeErr: (text) => {
        written += text;
      },
    });
  await program.parseAsync(args, { from: "user" }).catch((error: { code?: string }) => {
    if (!error.code?.startsWith("commander.")) throw error;
  });
  return written;
}

describe("controlnet", () => {
  test.each(["train", "sample", "evaluate", "dataset"])("%s --help shows examples", async (command) => {
    expect(await outputOf(command, "--help")).toMatch(new RegExp(`Examples:\\s+controlnet ${command} `));
  });

  test("unknown commands and options are refused with a suggestion", async () => {
    expect(await outputOf("trian")).toMatch(/unknown command 'trian'[\s\S]*Did you mean train/);
    expect(await outputOf("evaluate", "--control", "x", "--cuont", "3")).toMatch(
      /unknown option '--cuont'[\s\S]*--count/,
    );
    expect(await outputOf("dataset", "mars", "--out", "x")).toMatch(/unknown world "mars"/);
    expect(await outputOf("sample", "--prompt", "x", "--steps", "0")).toMatch(
      /--steps[\s\S]*whole number in \[1, 1000\]/,
    );
  });

  test("what contradicts itself is refused", async () => {
    expect(await outputOf("train", "--config", "x", "--resume", "--overwrite")).toMatch(
      /'--overwrite' cannot be used with option '--resume'/,
    );
  });

  test("an engine that isn't there fails and says which there are", async () => {
    const args = ["evaluate", "--control", "x", "--engine", "tensorflow-tpu"];
    await expect(createProgram().parseAsync(args, { from: "user" })).rejects.toThrow(
      /unknown engine "tensorflow-tpu", did you mean "tensorflow-gpu"\?/,
    );
  });
});
