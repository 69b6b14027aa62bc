import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { ControlNetConfig, ControlNetParams } from "@controlnet-js/controlnet";
import { type Condition, ControlNetError, disposeTree, type Image } from "@controlnet-js/core";
import type { Sample } from "@controlnet-js/data";
import { compilePipeline, disposePipeline, type Pipeline } from "@controlnet-js/pipeline";
import { openControlNet } from "@controlnet-js/pipeline/node";
import { adherence } from "./adherence.js";
import { loadBase } from "./base-model.js";
import { namedByFile, type UserCondition } from "./condition-name.js";
import { contactSheet } from "./contact-sheet.js";
import { assertWeights, evaluateFlag, lacksWeights, readWeightTexts } from "./detect/network-weights.js";
import { loadSamples } from "./load-samples.js";
import { openCondition, trainedOptions } from "./open-condition.js";
import { paintCaptions } from "./paint-captions.js";
import { print } from "./print.js";
import { createProgressBar } from "./progress-bar.js";
import { replaceFile } from "./replace-file.js";
import { assertFolder } from "./sample/output-folder.js";
import { startEngine } from "./start-engine.js";
import { openTinyworld } from "./tinyworld-dataset.js";
import { isExact, sceneMaps } from "./tinyworld-maps.js";

/** What an evaluation measures and shows. */
export interface Evaluation {
  /**
   * Mean edge F1 between the given maps and the maps of the pictures painted with control, and of those painted from the
   * prompts alone, the baseline; absent where the condition can't make maps of pictures.
   */
  edgeF1?: { withControl: number; withoutControl: number };
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
  /** Whether the condition can make maps of pictures. */
  detects: boolean;
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
    const edgeF1 = options.detects && {
      withControl: await adherence(condition, conditionOptions, controlled, maps),
      withoutControl: await adherence(condition, conditionOptions, without, maps),
    };
    return {
      ...(edgeF1 && { edgeF1 }),
      sheet: await contactSheet(["map", "without control", "with control", "ground truth"], rows),
    };
  } finally {
    compiled.dispose();
  }
}

/** How `controlnet evaluate` was called. */
export interface EvaluateCommand {
  model: string;
  /** Absent: the base model alone is evaluated. */
  control?: string;
  /** The condition; default: the one that the ControlNet names, which has to be built in. */
  condition?: UserCondition;
  /** The files of the network that the ControlNet's condition needs: `path` or `part=path`. */
  weights?: readonly string[];
  count: number;
  steps: number;
  guidance: number;
  seed: number;
  out: string;
  engine: string;
}

/** Evaluates a ControlNet, or without one the base model, on held-out tinyworld scenes; the figures by name. */
export async function evaluate(command: EvaluateCommand): Promise<Record<string, number>> {
  await assertFolder("--out", command.out, "evaluate");
  await startEngine(command.engine);
  const pipeline = await loadBase(command.model, print);
  try {
    await mkdir(command.out, { recursive: true });
    const { sheet, line, figures } = command.control
      ? await evaluateControlFolder(pipeline, command.control, command)
      : await evaluateBase(pipeline, command);
    replaceFile(join(command.out, "contact-sheet.png"), sheet);
    replaceFile(join(command.out, "evaluation.json"), `${JSON.stringify(figures, null, 2)}\n`);
    print(`${line}; ${command.out}`);
    return figures;
  } finally {
    disposePipeline(pipeline);
  }
}

/** What an evaluation leaves. */
interface Evaluated {
  sheet: Buffer;
  figures: Record<string, number>;
  line: string;
}

async function evaluateBase(
  pipeline: Pipeline,
  { count, steps, guidance, seed }: EvaluateCommand,
): Promise<Evaluated> {
  const samples = await loadSamples(await openTinyworld({ seed: 1, count, heldOut: true }));
  const compiled = compilePipeline(pipeline);
  try {
    const options = { shown: 16, samplingSteps: steps, guidance, seed, batchSize: 8 };
    const { sheet, figures } = await paintCaptions(compiled, samples, options);
    const share = figures.colour_right!;
    return {
      sheet,
      figures: { colourRight: share },
      line: `the main object's colour is right in ${Math.round(share * count)} of ${count} pictures`,
    };
  } finally {
    compiled.dispose();
  }
}

async function evaluateControlFolder(
  pipeline: Pipeline,
  control: string,
  command: EvaluateCommand,
): Promise<Evaluated> {
  const net = await openControlNet(control);
  const bar = createProgressBar();
  try {
    const { condition: trained } = net.metadata;
    if (command.condition === undefined && typeof trained !== "string")
      throw new ControlNetError(
        "config",
        `controlnet evaluate: ${control} does not say which condition it was trained on; name it with --condition`,
      );
    const name =
      command.condition ??
      namedByFile(String(trained), `controlnet evaluate: ${control}`, "--condition FILE");
    const weights = readWeightTexts(name, command.weights ?? [], evaluateFlag);
    const { condition } = await openCondition(name, weights && { weights, look: { sized: true } });
    const conditionOptions = trainedOptions(condition, net.metadata);
    if (!isExact(name)) assertWeights(name, conditionOptions, weights, evaluateFlag);
    const detects = !lacksWeights(name, conditionOptions, weights);
    const data = await openTinyworld({
      seed: 1,
      count: command.count,
      heldOut: true,
      maps: sceneMaps(condition, conditionOptions, detects),
    });
    const samples = await loadSamples(data);
    const { sheet, edgeF1 } = await evaluateControl({
      pipeline,
      ...net,
      condition,
      conditionOptions,
      detects,
      samples,
      steps: command.steps,
      guidance: command.guidance,
      seed: command.seed,
      onProgress: (painted, total) => bar.update(painted, total, "painting"),
    });
    const line = edgeF1
      ? `edge F1 with control ${edgeF1.withControl.toFixed(3)}, without ${edgeF1.withoutControl.toFixed(3)}`
      : `edge F1 is not measured: --weights of the network of condition "${name}" are not given`;
    return { sheet, figures: { ...edgeF1 }, line };
  } finally {
    bar.end();
    disposeTree(net.params);
  }
}
