import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ControlNetError, disposeTree, type Image } from "@controlnet-js/core";
import { selectEngine } from "@controlnet-js/engine";
import { type ControlInput, disposePipeline, latentFactor, textToImage } from "@controlnet-js/pipeline";
import { type LoadedControlNet, openControlNet, pngWithText } from "@controlnet-js/pipeline/node";
import { loadBase } from "./base-model.js";
import { encodePng } from "./contact-sheet.js";
import { openCondition } from "./open-condition.js";

import { createProgressBar } from "./progress-bar.js";
import { readPicture } from "./read-picture.js";

/** One ControlNet of `controlnet sample`, with where its map comes from. */
export interface ControlArgument {
  /** A folder in diffusers' layout. */
  folder: string;
  /** A picture whose map is computed by the condition ... */
  image?: string;
  /** ... or a map that is ready. */
  map?: string;
  /** Default: the condition that the ControlNet was trained with. */
  condition?: string;
  strength: number;
  start: number;
  end: number;
}

/** How `controlnet sample` was called. */
export interface SampleCommand {
  model: string;
  prompt: string;
  negative: string;
  controls: readonly ControlArgument[];
  sampler: string;
  steps: number;
  guidance: number;
  seed: number;
  count: number;
  size?: { width: number; height: number };
  out: string;
  engine: string;
}

/** Paints pictures and writes each as PNG with its parameters inside and as JSON beside it. */
export async function sample(command: SampleCommand): Promise<string[]> {
  const print = (line: string) => process.stderr.write(`${line}\n`);
  const engine = await selectEngine({ engine: command.engine, log: print });
  print(`Engine: ${engine.description}`);
  const pipeline = await loadBase(command.model, print);
  const nets: LoadedControlNet[] = [];
  const bar = createProgressBar();
  try {
    const side = pipeline.unet.config.sampleSize * 2 ** (pipeline.autoencoder.config.channels.length - 1);
    const size = command.size ?? { width: side, height: side };
    const step = latentFactor(pipeline);
    if (size.width % step !== 0 || size.height % step !== 0)
      throw new ControlNetError(
        "range",
        `controlnet sample: expected sides that are multiples of ${step}, got ${size.width}x${size.height}`,
      );
    const controls: ControlInput[] = [];
    for (const argument of command.controls) {
      const net = await openControlNet(argument.folder, { log: print });
      nets.push(net);
      controls.push({
        params: net.params,
        config: net.config,
        map: await mapOf(argument, net, size),
        strength: argument.strength,
        start: argument.start,
        end: argument.end,
        name: argument.folder,
      });
    }
    await mkdir(command.out, { recursive: true });
    const { images, latents, applied } = await textToImage(pipeline, {
      ...size,
      prompts: Array.from({ length: command.count }, () => command.prompt),
      negativePrompt: command.negative,
      controls,
      sampler: command.sampler,
      steps: command.steps,
      guidance: command.guidance,
      seed: command.seed,
      onStep: ({ step: done, steps }) => bar.update(done + 1, steps, "painting"),
    });
    latents.dispose();
    bar.end();
    for (const warning of applied.warnings) print(`warning: ${warning}`);
    const { controls: _, ...parameters } = command;
    const written: string[] = [];
    for (const [i, image] of images.entries()) {
      const details = { ...parameters, ...size, index: i, controls: command.controls, applied };
      const path = join(command.out, `picture-${command.seed}-${i}.png`);
      await writeFile(path, pngWithText(await encodePng(image), "parameters", JSON.stringify(details)));
      await writeFile(path.replace(/png$/, "json"), `${JSON.stringify(details, null, 2)}\n`);
      written.push(path);
      print(path);
    }
    return written;
  } finally {
    bar.end();
    disposePipeline(pipeline);
    for (const { params } of nets) disposeTree(params);
  }
}

async function mapOf(
  argument: ControlArgument,
  net: LoadedControlNet,
  size: { width: number; height: number },
): Promise<Image> {
  if (argument.map) return readPicture(argument.map, size);
  if (!argument.image)
    throw new ControlNetError(
      "config",
      `controlnet sample: --control ${argument.folder} needs --image PHOTO or --map MAP after it`,
    );
  const name = argument.condition ?? net.metadata.condition;
  if (typeof name !== "string")
    throw new ControlNetError(
      "config",
      `controlnet sample: ${argument.folder} does not say what it was trained on; name it with --condition, or give a ready --map`,
    );
  const { condition } = await openCondition(name);
  const options = argument.condition
    ? {}
    : ((net.metadata.options as Record<string, unknown> | undefined) ?? {});
  return condition.detect(await readPicture(argument.image, size), options);
}
