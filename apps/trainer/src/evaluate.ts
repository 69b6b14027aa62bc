import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ControlNetConfig, ControlNetParams } from "@controlnet-js/controlnet";
import { type Condition, ControlNetError, disposeTree, type Image } from "@controlnet-js/core";
import type { Sample } from "@controlnet-js/data";
import { selectEngine } from "@controlnet-js/engine";
import { compilePipeline, disposePipeline, type Pipeline } from "@controlnet-js/pipeline";
import { openControlNet } from "@controlnet-js/pipeline/node";
import { adherence } from "./adherence.js";
import { loadBase } from "./base-model.js";
import { contactSheet } from "./contact-sheet.js";
import { openCondition } from "./open-condition.js";
import { createProgressBar } from "./progress-bar.js";
import { openTinyworld } from "./tinyworld-dataset.js";

/** What an evaluation measures and shows. */
export interface Evaluation {
  /** Mean edge F1 between the given maps and the maps of the pictures painted with control ... */
  withControl: number;
  /** ... and of those painted from the prompts alone: the baseline. */
  withoutControl: number;
  /** PNG: map, without control, with control, ground truth. */
  sheet: Buffer;
}

/** What is evaluated, and how. */
export interface EvaluationOptions {
  pipeline: Pipeline;
  params: ControlNetParams;
  config: ControlNetConfig;
  condition: Condition;
  conditionOptions: Record<string, unknown>;
  samples: readonly Sample[];
  steps: number;
  guidance: number;
  seed: number;
  /** Pictures painted at a time. */
  batchSize?: number;
  onProgress?: (painted: number, total: number) => void;
}

/** Paints held-out samples with and without control and compares what came out with the maps. */
export async function evaluateControl(options: EvaluationOptions): Promise<Evaluation> {
  const {
    pipeline,
    params,
    config,
    condition,
    conditionOptions,
    samples,
    batchSize = 8,
    onProgress,
  } = options;
  const compiled = compilePipeline(pipeline);
  const paint = async (withMaps: boolean): Promise<Image[]> => {
    const images: Image[] = [];
    for (let start = 0; start < samples.length; start += batchSize) {
      const part = samples.slice(start, start + batchSize);
      const { images: painted, latents } = await compiled.textToImage({
        prompts: part.map(({ caption }) => caption),
        controls: withMaps ? [{ params, config, map: part.map(({ map }) => map) }] : [],
        steps: options.steps,
        guidance: options.guidance,
        seed: options.seed,
        indices: part.map((_, i) => start + i),
        width: part[0]!.image.width,
        height: part[0]!.image.height,
      });
      latents.dispose();
      images.push(...painted);
      onProgress?.((withMaps ? samples.length : 0) + images.length, 2 * samples.length);
    }
    return images;
  };
  try {
    const without = await paint(false);
    const controlled = await paint(true);
    const maps = samples.map(({ map }) => map);
    const rows = samples.map((sample, i) => ({
      images: [sample.map, without[i]!, controlled[i]!, sample.image],
      caption: sample.caption,
    }));
    return {
      withControl: await adherence(condition, conditionOptions, controlled, maps),
      withoutControl: await adherence(condition, conditionOptions, without, maps),
      sheet: await contactSheet(["map", "without control", "with control", "ground truth"], rows),
    };
  } finally {
    compiled.dispose();
  }
}

/** How `controlnet evaluate` was called. */
export interface EvaluateCommand {
  model: string;
  control: string;
  count: number;
  steps: number;
  guidance: number;
  seed: number;
  out: string;
  engine: string;
}

/** Evaluates a ControlNet folder on held-out tinyworld scenes. */
export async function evaluate(command: EvaluateCommand): Promise<Omit<Evaluation, "sheet">> {
  const print = (line: string) => process.stderr.write(`${line}\n`);
  const engine = await selectEngine({ engine: command.engine, log: print });
  print(`Engine: ${engine.description}`);
  const pipeline = await loadBase(command.model, print);
  const net = await openControlNet(command.control);
  const bar = createProgressBar();
  try {
    const name = net.metadata.condition;
    if (typeof name !== "string")
      throw new ControlNetError(
        "config",
        `controlnet evaluate: ${command.control} does not say which condition it was trained on`,
      );
    const { condition } = await openCondition(name);
    const conditionOptions = (net.metadata.options as Record<string, unknown> | undefined) ?? {};
    const data = await openTinyworld({
      seed: 1,
      count: command.count,
      heldOut: true,
      condition,
      conditionOptions,
    });
    const samples = await Promise.all(Array.from({ length: command.count }, (_, i) => data.load(i)));
    const { sheet, ...figures } = await evaluateControl({
      pipeline,
      ...net,
      condition,
      conditionOptions,
      samples,
      steps: command.steps,
      guidance: command.guidance,
      seed: command.seed,
      onProgress: (painted, total) => bar.update(painted, total, "painting"),
    });
    bar.end();
    await mkdir(command.out, { recursive: true });
    await writeFile(join(command.out, "contact-sheet.png"), sheet);
    await writeFile(join(command.out, "evaluation.json"), `${JSON.stringify(figures, null, 2)}\n`);
    print(
      `edge F1 with control ${figures.withControl.toFixed(3)}, without ${figures.withoutControl.toFixed(3)}; ${command.out}`,
    );
    return figures;
  } finally {
    bar.end();
    disposePipeline(pipeline);
    disposeTree(net.params);
  }
}
