import { basename } from "node:path";
import { type ControlNet, type ControlNetParams, createControlNet } from "@controlnet-js/controlnet";
import { type Condition, disposeTree } from "@controlnet-js/core";
import type { Sample } from "@controlnet-js/data";
import { disposePipeline, type Pipeline } from "@controlnet-js/models";
import { type CompiledPipeline, compilePipeline } from "@controlnet-js/pipeline";
import {
  hintUsedFrom,
  openControlTraining,
  untilHintUsed,
  type ValidationReport,
} from "@controlnet-js/training";
import { adherence, columnOf, figuresOf, whyNotMeasured } from "./adherence.js";
import { openTrainingCondition, type TrainingCondition } from "./conditions/training-condition.js";
import { contactSheet } from "./contact-sheet.js";
import { loadSamples, mapOf } from "./load-samples.js";
import { loadBase } from "./models/base-model.js";
import { openData } from "./open-data.js";
import { print } from "./print.js";
import type { Painting } from "./run-progress.js";
import { type RunOutcome, runWithProgress, type TrainCommand } from "./run-with-progress.js";
import { startEngine } from "./start-engine.js";
import type { ControlTrainConfig } from "./task-schemas.js";

/** What the training of a ControlNet leaves behind; whoever called it calls `dispose`. */
export interface TrainedControl extends RunOutcome<ControlNetParams> {
  pipeline: Pipeline;
  /** As trained: the moving average where one is kept. */
  net: ControlNet;
  condition: Condition;
  /** Whether the condition can make maps of pictures. */
  detects: boolean;
  /** Saves it with what it was trained on. */
  publish(folder: string): Promise<void>;
  heldOut: Sample[];
  engine: string;
  dispose(): void;
}

/** Trains a ControlNet as a config says. */
export async function trainControl(command: TrainCommand<ControlTrainConfig>): Promise<TrainedControl> {
  const { config, group } = command;
  const { training, validation } = config;
  const engine = await startEngine(command.engine);
  const named = await openTrainingCondition(config);
  const { condition, detects } = named;
  const pipeline = await loadBase(config.base);
  const data = await openData(config, named, print);
  print(`Data: ${data.train.describe()}; ${data.heldOut.size} held out`);
  print(
    `Prompts replaced with the empty string in training: ${100 * training.promptDropping} % (training.promptDropping)`,
  );
  const unmeasured = whyNotMeasured(named);
  if (unmeasured) print(unmeasured);
  const net = createControlNet(pipeline.unet, {
    hintChannels: condition.channels,
    hintWidths: config.hintWidths,
    globalPooling: config.globalPooling,
    reversedHint: config.channelOrder === "bgr",
    seed: training.seed,
  });
  const { task, train, ...opened } = await openControlTraining(
    {
      ...training,
      group,
      base: { ...pipeline, name: basename(config.base) },
      net,
      data: data.train,
      heldOut: data.heldOut,
      validationSamples: validation.samples,
    },
    print,
  ).catch(async (error: unknown) => {
    disposeTree(net);
    disposePipeline(pipeline);
    await data.close();
    throw error;
  });
  const compiled = compilePipeline(pipeline);
  try {
    const painted = await loadSamples(data.heldOut, validation.images);
    const figures = figuresOf(condition);
    const outcome = await runWithProgress(command, {
      task,
      data: train,
      published: "controlnet",
      ...(painted.length > 0 && {
        paint: (params: ControlNetParams, signal?: AbortSignal) =>
          paintControlled(compiled, { ...net, params }, painted, named, config, signal),
      }),
      paintedFigures: figures.map(columnOf),
      describe: (report) => describe(report, figures),
      ...(training.stopAfterConvergence > 0 && { goal: untilHintUsed(training.stopAfterConvergence) }),
    });
    return {
      ...outcome,
      pipeline,
      net: { ...net, params: outcome.params },
      condition,
      detects,
      publish: (folder) => task.publish(outcome.params, folder, outcome.result.step),
      heldOut: await loadSamples(data.heldOut),
      engine: engine.description,
      dispose() {
        disposePipeline(pipeline);
        disposeTree(outcome.params);
      },
    };
  } finally {
    compiled.dispose();
    opened.dispose();
    await data.close();
  }
}

/** A validation in words, with the figures that were measured. */
function describe(report: ValidationReport, figures: readonly string[]): { bar: string; line: string } {
  const gain = report.hint_gain!;
  const hint = `${gain >= hintUsedFrom ? "used" : "ignored"} (${(100 * gain).toFixed(1)} %)`;
  const measured = figures
    .filter((figure) => report[columnOf(figure)] !== undefined)
    .map((figure) => `; ${figure} ${report[columnOf(figure)]!.toFixed(3)}`);
  return {
    bar: `hint ${hint}`,
    line:
      `held-out loss ${report.loss_right_map!.toFixed(4)} with the right map, ` +
      `${report.loss_wrong_map!.toFixed(4)} with a wrong one: the hint is ${hint}; links ${report.link_norm!.toFixed(3)}` +
      measured.join(""),
  };
}

/** Paints held-out samples with their maps; how well the maps are obeyed is measured where the condition detects. */
async function paintControlled(
  compiled: CompiledPipeline,
  net: ControlNet,
  samples: readonly Sample[],
  { condition, detects }: TrainingCondition,
  { validation, training, conditionOptions }: ControlTrainConfig,
  signal: AbortSignal | undefined,
): Promise<Painting> {
  const maps = samples.map(mapOf);
  const { images, latents } = await compiled.textToImage({
    prompts: samples.map(({ caption }) => caption),
    controls: [{ net, map: maps }],
    steps: validation.samplingSteps,
    guidance: validation.guidance,
    seed: training.seed,
    ...(signal && { signal }),
  });
  latents.dispose();
  const rows = samples.map((sample, i) => ({
    images: [sample.map, images[i]!, sample.image],
    caption: sample.caption,
  }));
  return {
    sheet: await contactSheet(["map", "with control", "ground truth"], rows),
    figures: Object.fromEntries(
      Object.entries(detects ? await adherence({ condition, conditionOptions }, images, samples) : {}).map(
        ([figure, value]) => [columnOf(figure), value],
      ),
    ),
  };
}
