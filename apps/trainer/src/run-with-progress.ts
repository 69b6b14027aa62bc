import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Dataset } from "@controlnet-js/data";
import {
  EventWriter,
  runTraining,
  type TrainingListener,
  type TrainingOptions,
  type TrainingResult,
  type TrainingTask,
  type ValidationReport,
} from "@controlnet-js/training";
import { memory } from "@tensorflow/tfjs-core";
import { print } from "./print.js";
import { createProgressBar, formatDuration } from "./progress-bar.js";
import { RunLog } from "./run-log.js";
import type { TrainConfig } from "./task-schemas.js";

/** How `controlnet train` was called. */
export interface TrainCommand<C extends TrainConfig = TrainConfig> {
  config: C;
  resume: boolean;
  engine: string;
  signal?: AbortSignal;
}

/** What a validation shows now and then. */
export interface Painting {
  /** PNG. */
  sheet: Buffer;
  /** What was measured on the pictures. */
  figures: ValidationReport;
}

/** What one task's training is made of, apart from its config. */
export interface ProgressRun<P, B> {
  task: TrainingTask<P, B>;
  data: Dataset;
  /** The folder within the run's that gets the trained model. */
  published: string;
  /** Shows held-out samples, at every `validation.imagesEvery`-th step. */
  paint?: (params: P, step: number) => Promise<Painting>;
  /** The names of the figures that `paint` gives. */
  paintedFigures: readonly string[];
  /** A validation in words; what it says of the bar stays there until the next one. */
  describe(report: ValidationReport): { line: string; bar: string };
  isDone?: NonNullable<TrainingOptions["isDone"]>;
}

/** How a run went. The caller disposes `params`. */
export interface RunOutcome<P> {
  params: P;
  log: RunLog;
  result: Omit<TrainingResult<unknown>, "params">;
  seconds: number;
}

/** Trains with progress on stderr; checkpoints, figures, charts, pictures and the model go to `config.output`. */
export async function runWithProgress<P, B>(
  { config, resume, signal }: TrainCommand,
  run: ProgressRun<P, B>,
): Promise<RunOutcome<P>> {
  const { output } = config;
  const events = new EventWriter(join(output, "events"));
  const bar = createProgressBar();
  const log = new RunLog(output);
  const began = Date.now();
  let status = "not validated yet";
  const { task, paint } = run;
  const validate = task.validate && {
    validate: async (params: P, step: number): Promise<ValidationReport> => {
      const report = await task.validate!(params, step);
      if (!paint || step % config.validation.imagesEvery !== 0) return report;
      const { sheet, figures } = await paint(params, step);
      await writeSheet(output, events, step, sheet);
      return { ...report, ...figures };
    },
  };
  const listener: TrainingListener = {
    started({ step, resumedFrom }) {
      log.begin(step);
      if (resumedFrom) print(`Resumed from ${resumedFrom}`);
      else if (resume) print(`Nothing to resume in ${output}: starting at step 0`);
    },
    stepped({ step, steps, loss, gradientNorm, skipped, rate, seconds }) {
      if (skipped)
        bar.print(`step ${step}: left out: its gradients overflow in float16; the loss scale is halved`);
      log.step({ step, loss, gradient_norm: gradientNorm, learning_rate: rate, seconds });
      const recent = log.steps.slice(-20);
      const mean = (key: string) => recent.reduce((sum, row) => sum + row[key]!, 0) / recent.length;
      const speed = (1 / mean("seconds")).toFixed(2);
      bar.update(step, steps, `${speed} steps/s · loss ${mean("loss").toFixed(4)} · ${status}`);
      if (step % 10 === 0)
        void events.scalars(step, {
          loss,
          gradient_norm: gradientNorm,
          learning_rate: rate,
          tensors: memory().numTensors,
        });
    },
    async validated(report, step) {
      // Every row has the columns of the pictures' figures, painted or not.
      const unpainted = Object.fromEntries(run.paintedFigures.map((name) => [name, Number.NaN]));
      log.validation({ step, ...unpainted, ...report });
      await events.scalars(step, report);
      await writeFile(join(output, "chart.svg"), log.chart());
      const { line, bar: shown } = run.describe(report);
      status = shown;
      bar.print(`step ${step}: ${line}`);
    },
    saved: (folder, step) => bar.print(`step ${step}: saved ${folder}`),
    skipped: ({ message }) => bar.print(`skipped: ${message}`),
    warned: (message) => bar.print(`warning: ${message}`),
  };
  try {
    const { params, ...result } = await runTraining(
      { ...task, ...validate },
      run.data,
      {
        ...optionsOf(config),
        resume,
        ...(signal && { signal }),
        ...(run.isDone && { isDone: run.isDone }),
      },
      listener,
    );
    bar.end();
    const published = join(output, run.published);
    await task.publish(params, published, result.step);
    const seconds = (Date.now() - began) / 1000;
    print(
      `${result.reason === "aborted" ? "Stopped and saved" : "Trained"} ${result.step} steps in ${formatDuration(seconds)}: ${published}`,
    );
    return { params, log, result, seconds };
  } finally {
    bar.end();
  }
}

function optionsOf({
  training,
  validation,
  checkpoints,
  dataOptions,
  output,
}: TrainConfig): Omit<TrainingOptions, "resume"> {
  return {
    folder: join(output, "checkpoints"),
    steps: training.steps,
    batchSize: training.batchSize,
    accumulate: training.accumulate,
    precision: training.precision,
    seed: training.seed,
    learningRate: {
      peak: training.learningRate,
      warmUpSteps: training.warmUpSteps,
      schedule: training.schedule,
      finalFraction: training.finalFraction,
    },
    optimizer: {
      beta1: 0.9,
      beta2: training.beta2,
      epsilon: 1e-8,
      weightDecay: training.weightDecay,
      clipNorm: training.clipNorm,
      emaDecay: training.emaDecay,
    },
    validateEvery: validation.every,
    saveEvery: checkpoints.every,
    keep: checkpoints.keep,
    maxSkipped: dataOptions.maxSkipped,
  };
}

async function writeSheet(output: string, events: EventWriter, step: number, sheet: Buffer): Promise<void> {
  const folder = join(output, "validation");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `step-${String(step).padStart(8, "0")}.png`), sheet);
  await events.images(step, {
    validation: { width: sheet.readUInt32BE(16), height: sheet.readUInt32BE(20), png: sheet },
  });
}
