import { unknownName } from "@controlnet-js/core";
import { engineNames, joinGroup } from "@controlnet-js/engine";
import { Command, Option } from "commander";
import manifest from "../package.json" with { type: "json" };
import { addCaptionCommand } from "./caption/caption-command.js";
import { namedByUser } from "./conditions/condition-name.js";
import { writeTinyworld } from "./dataset.js";
import { addDetectCommand } from "./detect/detect-command.js";
import { evaluate } from "./evaluate.js";
import { launch } from "./launch.js";
import { addModelCommands } from "./models/model-commands.js";
import { number } from "./numbers.js";
import { print, printLine } from "./print.js";
import { quickstart } from "./quickstart.js";
import { addSampleCommand } from "./sample/sample-command.js";
import { train } from "./train.js";
import { readTrainConfig } from "./train-config.js";

const collect = (value: string, before: string[]): string[] => [...before, value];
const seed = number(0, Number.MAX_SAFE_INTEGER, { whole: true });
const setOption = new Option("--set <key=value>", "change a key of the config; may stand several times")
  .argParser(collect)
  .default([], "none");
const engineOption = ["--engine <name>", `the engine: ${engineNames.join(", ")}`, "auto"] as const;

/**
 * Aborts at the first Ctrl-C or SIGTERM, so that the run saves and ends; a second one ends at once. So does a process of
 * `controlnet launch` when that is gone.
 */
function abortOnSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const)
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130);
      process.stderr.write(`\n${name}: saving, then ending; once more to end at once\n`);
      controller.abort();
    });
  process.on("disconnect", () => controller.abort());
  process.channel?.unref();
  return controller.signal;
}

/** The command line. */
export function createProgram(): Command {
  const program = new Command("controlnet")
    .description("Train, sample and evaluate ControlNets, and make datasets.")
    .version(manifest.version)
    .enablePositionalOptions();

  program
    .command("train")
    .description("train what a YAML config says: a ControlNet, an autoencoder, a text-to-image model")
    .requiredOption("--config <file>", "the config")
    .addOption(setOption)
    .option("--resume", "go on from the newest valid checkpoint", false)
    .addOption(
      new Option("--overwrite", "begin anew where an earlier run has left checkpoints")
        .default(false)
        .conflicts("resume"),
    )
    .option("--distributed", "train together with the other processes of mpirun, srun or torchrun", false)
    .option(...engineOption)
    .addHelpText(
      "after",
      `
Examples:
  controlnet train --config configs/tinyworld-canny.yaml
  controlnet train --config configs/tinyworld-canny.yaml --set training.steps=4000 --set output=runs/long
  controlnet train --config configs/fill50k.yaml --set data.dir=/data/fill50k --resume
  controlnet train --config configs/image-folder.yaml --set data.dir=photos --engine tensorflow-gpu
  controlnet train --config configs/tinyworld-autoencoder.yaml
  controlnet train --config configs/tinyworld-base.yaml
  mpirun -n 4 controlnet train --config configs/fill50k.yaml --distributed`,
    )
    .action(async (options) => {
      const config = readTrainConfig(options.config, options.set);
      const { resume, overwrite, engine, distributed } = options;
      const group = distributed ? await joinGroup({ engine, log: print }) : undefined;
      const signal = abortOnSignal();
      const trained = await train({ config, resume, overwrite, engine, signal, ...(group && { group }) });
      trained.dispose();
      if (!trained.result.saved) process.exitCode = 1;
    });

  program
    .command("launch")
    .description("train in several processes of this machine, one for each GPU")
    .requiredOption("--processes <n>", "how many", number(1, 1024, { whole: true }))
    .argument("<command...>", "train and its options")
    .passThroughOptions()
    .addHelpText(
      "after",
      `
Security: the processes meet on 127.0.0.1 by a random token of their own, but TensorFlow's server has no password:
whoever reaches its port has the rights of the process. Here it ignores other machines; other users of this machine
can reach it. Across machines (train --distributed under mpirun, srun or torchrun) it listens on all interfaces: use
a private network, and give all processes the same random CONTROLNET_GROUP_TOKEN.

Examples:
  controlnet launch --processes 4 train --config configs/fill50k.yaml --set data.dir=/data/fill50k
  controlnet launch --processes 4 train --config configs/fill50k.yaml --resume`,
    )
    .action(async (command: string[], { processes }) => {
      process.exitCode = await launch({ processes, command });
    });

  addSampleCommand(program);

  program
    .command("evaluate")
    .description("measure how well a ControlNet, or the base model alone, obeys on held-out tinyworld scenes")
    .option("--control <folder>", "a ControlNet; without one, the base model's colours are checked")
    .option("--model <folder>", "base model", "tinyworld")
    .option(
      "--condition <name>",
      "its condition, where the ControlNet names none that is built in: a name, or your own module, whose code is run",
      namedByUser,
    )
    .option(
      "--weights <path>",
      "the network of the ControlNet's condition, as for detect; may stand several times",
      collect,
      [] as string[],
    )
    .option(
      "--option <key=value>",
      "an option of the condition, beside those that it was trained with; may stand several times",
      collect,
      [] as string[],
    )
    .option(
      "--data <path>",
      "pictures of your own: a folder of them, a folder with prompt.json, or such a list; default tinyworld's scenes",
    )
    .option("--count <n>", "scenes or pictures", number(1, 10_000, { whole: true }), 16)
    .option("--steps <n>", "sampling steps", number(1, 1000, { whole: true }), 20)
    .option("--guidance <beta>", "classifier-free guidance", number(1, 100), 9)
    .option("--seed <n>", "seed of all noise", seed, 0)
    .option("--out <folder>", "where figures and contact sheet go", "out/evaluate")
    .option(...engineOption)
    .addHelpText(
      "after",
      `
Examples:
  controlnet evaluate --control out/quickstart/controlnet
  controlnet evaluate --control runs/tinyworld-canny/controlnet --count 64 --guidance 5
  controlnet evaluate --control runs/mine/controlnet --condition ./my-condition.ts --data photos
  controlnet evaluate --control runs/hed/controlnet --weights ControlNetHED.pth
  controlnet evaluate --model tinyworld --count 200 --guidance 5`,
    )
    .action(async (options) => {
      printLine(await evaluate(options));
    });

  program
    .command("dataset")
    .description("make a dataset")
    .argument("<world>", "tinyworld")
    .requiredOption("--out <folder>", "where it goes")
    .option("--count <n>", "scenes", number(1, 10_000_000, { whole: true }), 1000)
    .option("--seed <n>", "seed of the world", seed, 1)
    .option("--start <n>", "number of the first scene; 1000000 and up are held out", seed, 0)
    .option(
      "--condition <name>",
      "the control maps: a built-in condition, or your own module, whose code is run",
      namedByUser,
      namedByUser("canny"),
    )
    .option("--workers <n>", "rendering processes", number(0, 256, { whole: true }), 2)
    .option("--format <name>", "fill50k", "fill50k")
    .addHelpText(
      "after",
      `
Examples:
  controlnet dataset tinyworld --out datasets/tinyworld --count 5000 --format fill50k
  controlnet dataset tinyworld --out datasets/held-out --count 200 --start 1000000`,
    )
    .action(async (world: string, options) => {
      if (world !== "tinyworld") program.error(`error: unknown world ${unknownName(world, ["tinyworld"])}`);
      if (options.format !== "fill50k")
        program.error(`error: unknown format ${unknownName(options.format, ["fill50k"])}`);
      await writeTinyworld(options);
    });

  program
    .command("quickstart")
    .description("train the example ControlNet, paint 16 held-out maps, tell what happened")
    .requiredOption("--config <file>", "the config")
    .addOption(setOption)
    .option("--out <folder>", "where results go", "out/quickstart")
    .option(...engineOption)
    .action(async (options) => {
      const config = readTrainConfig(options.config, options.set);
      await quickstart({ config, out: options.out, engine: options.engine, signal: abortOnSignal() });
    });

  addDetectCommand(program);
  addCaptionCommand(program);
  addModelCommands(program);
  return program;
}
