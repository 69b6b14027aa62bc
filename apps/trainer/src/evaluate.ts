import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { ControlNet } from "@controlnet-js/controlnet";
import { type Condition, ControlNetError, disposeTree, type Image } from "@controlnet-js/core";
import type { Sample } from "@controlnet-js/data";
import { type Figures, measureOf } from "@controlnet-js/metrics";
import { disposePipeline, latentFactor, type Pipeline } from "@controlnet-js/models";
import { openControlNet } from "@controlnet-js/models/node";
import { compilePipeline } from "@controlnet-js/pipeline";
import { adherence, figuresOf, titleOf, whyNotMeasured } from "./adherence.js";
import { namedByFile, type UserCondition } from "./conditions/condition-name.js";
import { openTrained } from "./conditions/trained-condition.js";
import { contactSheet } from "./contact-sheet.js";
import { replaceFile } from "./files/replace-file.js";
import { loadSamples, mapOf } from "./load-samples.js";
import { loadBase } from "./models/base-model.js";
import { assertDetects, canDetect, weightsFlagOf } from "./networks/network-weights.js";
import { dataForm, loadOwnSamples } from "./own-samples.js";
import { paintCaptions } from "./paint-captions.js";
import { print } from "./print.js";
import { createProgressBar } from "./progress-bar.js";
import { assertFolder } from "./sample/output-folder.js";
import { startEngine } from "./start-engine.js";
import { openTinyworld } from "./tinyworld-dataset.js";
import { isExact, sceneMaps } from "./tinyworld-maps.js";

/**
 * Figures between the given maps and the maps of the pictures painted with control, and of those painted from the prompts
 * alone, the baseline.
 */
export type ControlFigures = Record<string, { withControl: number; withoutControl: number }>;

/** What an evaluation measures and shows. */
export interface Evaluation {
  /** The condition's figures by name, such as `edgeF1`; none where they can't be measured. */
  figures: ControlFigures;
  /** PNG: map, without control, with control, ground truth. */
  sheet: Buffer;
}

/** What is evaluated, and how. */
export interface EvaluationOptions {
  pipeline: Pipeline;
  net: ControlNet;
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
  const { pipeline, net, condition, conditionOptions, samples, batchSize = 8, onProgress } = options;
  const compiled = compilePipeline(pipeline);
  const paint = async (withMaps: boolean): Promise<Image[]> => {
    const images: Image[] = [];
    for (let start = 0; start < samples.length; start += batchSize) {
      const part = samples.slice(start, start + batchSize);
      const { images: painted, latents } = await compiled.textToImage({
        prompts: part.map(({ caption }) => caption),
        controls: withMaps ? [{ net, map: part.map(mapOf) }] : [],
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
    const rows = samples.map((sample, i) => ({
      images: [sample.map, without[i]!, controlled[i]!, sample.image],
      caption: sample.caption,
    }));
    const measured = async (images: readonly Image[]): Promise<Figures> =>
      options.detects ? adherence({ condition, conditionOptions }, images, samples) : {};
    const [withControl, withoutControl] = [await measured(controlled), await measured(without)];
    return {
      figures: Object.fromEntries(
        Object.entries(withControl).map(([figure, value]) => [
          figure,
          { withControl: value, withoutControl: withoutControl[figure]! },
        ]),
      ),
      sheet: await contactSheet(["map", "without control", "with control", "ground truth"], rows),
    };
  } finally {
    compiled.dispose();
  }
}

/** The figures of an evaluation in words, or why there are none. */
export function describeFigures(condition: Condition, detects: boolean, figures: ControlFigures): string {
  const better = measureOf(condition)?.better ?? {};
  const lines = Object.entries(figures).map(
    ([figure, { withControl, withoutControl }]) =>
      `${titleOf(figure, better)} with control ${withControl.toFixed(3)}, without ${withoutControl.toFixed(3)}`,
  );
  if (lines.length > 0) return lines.join("; ");
  return (
    whyNotMeasured({ condition, detects }) ??
    `${figuresOf(condition).join(", ")}: not measured, as there is nothing to compare in the held-out pictures`
  );
}

/** How `controlnet evaluate` was called. */
export interface EvaluateCommand {
  model: string;
  /** Absent: the base model alone is evaluated. */
  control?: string;
  /** The condition; default: the one that the ControlNet names, which has to be built in. */
  condition?: UserCondition;
  /** The condition's options as `key=value`, beside those that the ControlNet was trained with. */
  option?: readonly string[];
  /** A folder of pictures, or of a dataset's list (`prompt.json`), or the list itself; absent: tinyworld's scenes. */
  data?: string;
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
export async function evaluate(command: EvaluateCommand): Promise<Evaluated["figures"]> {
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
  figures: ControlFigures | { colourRight: number };
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
    const {
      condition,
      source,
      options: conditionOptions,
    } = await openTrained({
      name,
      metadata: net.metadata,
      option: command.option ?? [],
      weights: command.weights ?? [],
      command: "evaluate",
    });
    const detects = canDetect(condition, conditionOptions);
    const form = command.data === undefined ? undefined : await dataForm(command.data);
    const needsMaps = form === undefined ? !isExact(name) : form.kind === "image-folder";
    if (needsMaps) assertDetects(condition, conditionOptions, weightsFlagOf("evaluate"));
    const side = pipeline.unet.config.sampleSize * latentFactor(pipeline);
    const samples = form
      ? await loadOwnSamples(form, {
          source,
          conditionOptions,
          resolution: { width: side, height: side },
          count: command.count,
        })
      : await loadSamples(
          await openTinyworld({
            seed: 1,
            count: command.count,
            heldOut: true,
            maps: sceneMaps(condition, conditionOptions, detects),
          }),
        );
    const { sheet, figures } = await evaluateControl({
      pipeline,
      net,
      condition,
      conditionOptions,
      detects,
      samples,
      steps: command.steps,
      guidance: command.guidance,
      seed: command.seed,
      onProgress: (painted, total) => bar.update(painted, total, "painting"),
    });
    return { sheet, figures, line: describeFigures(condition, detects, figures) };
  } finally {
    bar.end();
    disposeTree(net);
  }
}
