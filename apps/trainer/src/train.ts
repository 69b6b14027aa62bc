import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ControlNetParams, controlNetConfig, createControlNet } from "@controlnet-js/controlnet";
import { type Condition, disposeTree } from "@controlnet-js/core";
import type { Sample } from "@controlnet-js/data";
import { selectEngine } from "@controlnet-js/engine";
import {
  type CompiledPipeline,
  compilePipeline,
  disposePipeline,
  type Pipeline,
} from "@controlnet-js/pipeline";
import { saveControlNet } from "@controlnet-js/pipeline/node";
import {
  controlTask,
  createLatentCache,
  createTextCache,
  EventWriter,
  hintUsedFrom,
  runTraining,
  type TrainingResult,
} from "@controlnet-js/training";
import { memory } from "@tensorflow/tfjs-core";
import { adherence } from "./adherence.js";
import { loadBase } from "./base-model.js";
import { contactSheet } from "./contact-sheet.js";
import { openCondition } from "./open-condition.js";
import { openData } from "./open-data.js";
import { createProgressBar, formatDuration } from "./progress-bar.js";
import { RunLog } from "./run-log.js";
import type { TrainConfig } from "./train-config.js";

/** How `controlnet train` was called. */
export interface TrainCommand {
  config: TrainConfig;
  resume: boolean;
  engine: string;
  signal?: AbortSignal;
}

/** What a training leaves behind for whoever called it; the caller disposes it with {@link disposeTrained}. */
export interface Trained {
  pipeline: Pipeline;
  params: ControlNetParams;
  netConfig: ReturnType<typeof controlNetConfig>;
  condition: Condition;
  heldOut: Sample[];
  log: RunLog;
  result: Omit<TrainingResult<unknown>, "params">;
  seconds: number;
  engine: string;
}

/** Frees what a training left behind. */
export function disposeTrained({ pipeline, params }: Trained): void {
  disposePipeline(pipeline);
  disposeTree(params);
}

/** Trains a ControlNet as a config says, with progress on stderr and everything else in `config.output`. */
export async function train({ config, resume, engine: engineName, signal }: TrainCommand): Promise<Trained> {
  const print = (line: string) => process.stderr.write(`${line}\n`);
  const engine = await selectEngine({ engine: engineName, log: print });
  print(`Engine: ${engine.description}`);
  for (const reason of engine.reasons) print(`  (${reason})`);
  const pipeline = await loadBase(config.base);
  const named = await openCondition(config.condition);
  const data = await openData(config, named, print);
  print(`Data: ${data.train.describe()}; ${data.heldOut.size} held out`);
  print(
    `Prompts replaced with the empty string in training: ${100 * config.training.promptDropping} % (training.promptDropping)`,
  );
  const netConfig = controlNetConfig(pipeline.unet.config, {
    hintChannels: data.condition.channels,
    hintWidths: config.hintWidths,
  });
  const { training, validation } = config;
  const latents = createLatentCache(pipeline.autoencoder.params, pipeline.autoencoder.config);
  const texts = createTextCache(pipeline.text.params, pipeline.text.config, pipeline.text.tokenizer);
  const metadata = (step: number) => ({
    ...data.condition.metadata(config.conditionOptions),
    base: config.base,
    step,
  });
  const task = controlTask({
    params: createControlNet(pipeline.unet.params, netConfig, { seed: training.seed }),
    config: netConfig,
    locked: pipeline.unet.params,
    latents,
    texts,
    schedule: pipeline.schedule,
    scalingFactor: pipeline.autoencoder.config.scalingFactor,
    seed: training.seed,
    promptDropping: training.promptDropping,
    heldOut: data.heldOut,
    validationSamples: validation.samples,
    batchSize: Math.min(training.batchSize, data.heldOut.size),
    publish: (params, folder, step) =>
      saveControlNet(folder, params, netConfig, { metadata: metadata(step) }),
  });

  const compiled = compilePipeline(pipeline);
  const events = new EventWriter(join(config.output, "events"));
  const bar = createProgressBar();
  const log = new RunLog(config.output);
  let hint = "not asked yet";
  let inARow = 0;
  const began = Date.now();
  const painted = await Promise.all(
    Array.from({ length: Math.min(validation.images, data.heldOut.size) }, (_, i) => data.heldOut.load(i)),
  );
  const paint = async (params: ControlNetParams, step: number): Promise<number> => {
    const images = await paintControlled(compiled, params, netConfig, painted, config);
    const sheet = await contactSheet(
      ["map", "with control", "ground truth"],
      painted.map((sample, i) => ({
        images: [sample.map, images[i]!, sample.image],
        caption: sample.caption,
      })),
    );
    await mkdir(join(config.output, "validation"), { recursive: true });
    await writeFile(join(config.output, "validation", `step-${String(step).padStart(8, "0")}.png`), sheet);
    await events.images(step, {
      validation: { width: sheet.readUInt32BE(16), height: sheet.readUInt32BE(20), png: sheet },
    });
    return adherence(
      data.condition,
      config.conditionOptions,
      images,
      painted.map(({ map }) => map),
    );
  };
  const validatingTask = {
    ...task,
    async validate(params: ControlNetParams, step: number) {
      const report = await task.validate!(params, step);
      if (painted.length === 0 || step % validation.imagesEvery !== 0) return report;
      return { ...report, edge_f1: await paint(params, step) };
    },
  };
  try {
    const { params, ...result } = await runTraining(
      validatingTask,
      data.train,
      {
        folder: join(config.output, "checkpoints"),
        steps: training.steps,
        batchSize: training.batchSize,
        accumulate: training.accumulate,
        seed: training.seed,
        learningRate: {
          peak: training.learningRate,
          warmUpSteps: training.warmUpSteps,
          schedule: training.schedule,
          finalFraction: 0.05,
        },
        optimizer: {
          beta1: 0.9,
          beta2: 0.999,
          epsilon: 1e-8,
          weightDecay: training.weightDecay,
          clipNorm: training.clipNorm,
          emaDecay: training.emaDecay,
        },
        validateEvery: validation.every,
        saveEvery: config.checkpoints.every,
        keep: config.checkpoints.keep,
        maxSkipped: config.dataOptions.maxSkipped,
        resume,
        ...(signal && { signal }),
        isDone: ({ hint_gain }) => {
          inARow = hint_gain! >= hintUsedFrom ? inARow + 1 : 0;
          return training.stopAfterConvergence > 0 && inARow >= training.stopAfterConvergence;
        },
      },
      {
        started({ step, resumedFrom }) {
          log.begin(step);
          if (resumedFrom) print(`Resumed from ${resumedFrom}`);
          else if (resume) print(`Nothing to resume in ${config.output}: starting at step 0`);
        },
        stepped({ step, steps, loss, gradientNorm, rate, seconds }) {
          log.step({ step, loss, gradient_norm: gradientNorm, learning_rate: rate, seconds });
          const recent = log.steps.slice(-20);
          const mean = (key: string) => recent.reduce((sum, row) => sum + row[key]!, 0) / recent.length;
          const speed = (1 / mean("seconds")).toFixed(2);
          bar.update(step, steps, `${speed} steps/s · loss ${mean("loss").toFixed(4)} · hint ${hint}`);
          if (step % 10 === 0)
            void events.scalars(step, {
              loss,
              gradient_norm: gradientNorm,
              learning_rate: rate,
              tensors: memory().numTensors,
            });
        },
        async validated(report, step) {
          const gain = report.hint_gain!;
          hint = `${gain >= hintUsedFrom ? "used" : "ignored"} (${(100 * gain).toFixed(1)} %)`;
          log.validation({ step, edge_f1: Number.NaN, ...report });
          await events.scalars(step, report);
          await writeFile(join(config.output, "chart.svg"), log.chart());
          bar.print(
            `step ${step}: held-out loss ${report.loss_right_map!.toFixed(4)} with the right map, ` +
              `${report.loss_wrong_map!.toFixed(4)} with a wrong one: the hint is ${hint}; links ${report.link_norm!.toFixed(3)}` +
              (report.edge_f1 === undefined ? "" : `; edge F1 ${report.edge_f1.toFixed(3)}`),
          );
        },
        saved: (folder, step) => bar.print(`step ${step}: saved ${folder}`),
        skipped: ({ message }) => bar.print(`skipped: ${message}`),
        warned: (message) => bar.print(`warning: ${message}`),
      },
    );
    bar.end();
    await saveControlNet(join(config.output, "controlnet"), params, netConfig, {
      metadata: metadata(result.step),
    });
    const seconds = (Date.now() - began) / 1000;
    print(
      `${result.reason === "aborted" ? "Stopped and saved" : "Trained"} ${result.step} steps in ${formatDuration(seconds)}: ${join(config.output, "controlnet")}`,
    );
    const heldOut = await Promise.all(
      Array.from({ length: data.heldOut.size }, (_, i) => data.heldOut.load(i)),
    );
    return {
      pipeline,
      params,
      netConfig,
      condition: data.condition,
      heldOut,
      log,
      result,
      seconds,
      engine: engine.description,
    };
  } finally {
    bar.end();
    compiled.dispose();
    task.dispose();
    latents.dispose();
    texts.dispose();
    await data.close();
  }
}

/** Paints held-out samples with their maps. */
async function paintControlled(
  compiled: CompiledPipeline,
  params: ControlNetParams,
  config: Trained["netConfig"],
  samples: readonly Sample[],
  { validation, training }: TrainConfig,
) {
  const { images, latents } = await compiled.textToImage({
    prompts: samples.map(({ caption }) => caption),
    controls: [{ params, config, map: samples.map(({ map }) => map) }],
    steps: validation.samplingSteps,
    guidance: validation.guidance,
    seed: training.seed,
  });
  latents.dispose();
  return images;
}
