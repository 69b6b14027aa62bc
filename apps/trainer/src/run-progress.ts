import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Dataset } from "@controlnet-js/data";
import {
  EventWriter,
  type TrainingListener,
  type TrainingTask,
  type ValidationGoal,
  type ValidationReport,
} from "@controlnet-js/training";
import { memory } from "@tensorflow/tfjs-core";
import { replaceFile } from "./files/replace-file.js";
import { print } from "./print.js";
import type { ProgressBar } from "./progress-bar.js";
import { markRun } from "./quickstart-mark.js";
import type { RunLog } from "./run-log.js";
import type { TrainConfig } from "./task-schemas.js";

/** The folder within the run's that gets what validations show. */
export const validationFolder = "validation";

/** What a validation shows now and then. */
export interface Painting {
  /** PNG. */
  sheet: Buffer;
  /** What was measured on the pictures. */
  figures: ValidationReport;
}

/** What a run is asked to do, and whose it is. */
export interface RunSettings<C extends TrainConfig = TrainConfig> {
  config: C;
  resume: boolean;
  /** The run is that of `controlnet quickstart`, which may overwrite it later. Default false. */
  quickstart?: boolean;
}

/** What one task's training is made of, apart from its config. */
export interface ProgressRun<P, B> {
  task: TrainingTask<P, B>;
  data: Dataset;
  /** The folder within the run's that gets the trained model. */
  published: string;
  /** Shows held-out samples, at every `validation.imagesEvery`-th step. */
  paint?: (params: P, signal?: AbortSignal) => Promise<Painting>;
  /** The names of the figures that `paint` gives. */
  paintedFigures: readonly string[];
  /** A validation in words; what it says of the bar stays there until the next one. */
  describe(report: ValidationReport): { line: string; bar: string };
  goal?: ValidationGoal;
}

/** A run's task and its listener, which keep log, chart, events, pictures and bar. */
export function withProgress<P, B>(
  run: ProgressRun<P, B>,
  { config, resume, quickstart = false }: RunSettings,
  log: RunLog,
  bar: ProgressBar,
): { task: TrainingTask<P, B>; listener: TrainingListener } {
  const { output } = config;
  const events = new EventWriter(join(output, "events"));
  const { task, paint } = run;
  let status = "not validated yet";
  const complaints = new Set<string>();
  /** Does what only tells of the run: where that fails, it says so once, and the run itself goes on. */
  const attempt = async <T>(
    act: () => T | Promise<T>,
    problem = "figures can't be written",
    signal?: AbortSignal,
  ) => {
    try {
      return await act();
    } catch (error) {
      if (signal?.aborted) throw error;
      if (!complaints.has(problem))
        bar.print(`warning: ${problem}: ${(error as Error).message}; the run goes on without`);
      complaints.add(problem);
      return undefined;
    }
  };
  const validate = task.validate && {
    validate: async (params: P, step: number, signal?: AbortSignal): Promise<ValidationReport> => {
      const report = await task.validate!(params, step, signal);
      if (!paint || step % config.validation.imagesEvery !== 0) return report;
      const painting = await attempt(() => paint(params, signal), "pictures can't be painted", signal);
      if (!painting) return report;
      await attempt(() => writeSheet(output, events, step, painting.sheet));
      return { ...report, ...painting.figures };
    },
  };
  const listener: TrainingListener = {
    started({ step, resumedFrom }) {
      markRun(output, quickstart);
      log.begin(resumedFrom ? step : undefined);
      if (resumedFrom) print(`Resumed from ${resumedFrom}`);
      else if (resume) print(`Nothing to resume in ${output}: starting at step 0`);
    },
    stepped({ step, steps, loss, gradientNorm, skipped, rate, seconds }) {
      if (skipped)
        bar.print(`step ${step}: left out: its gradients overflow in float16; the loss scale is halved`);
      void attempt(() => log.step({ step, loss, gradient_norm: gradientNorm, learning_rate: rate, seconds }));
      const recent = log.steps.slice(-20);
      const mean = (key: string) => recent.reduce((sum, row) => sum + row[key]!, 0) / recent.length;
      const speed = (1 / mean("seconds")).toFixed(2);
      bar.update(step, steps, `${speed} steps/s · loss ${mean("loss").toFixed(4)} · ${status}`);
      if (step % 10 === 0)
        void attempt(() =>
          events.scalars(step, {
            loss,
            gradient_norm: gradientNorm,
            learning_rate: rate,
            tensors: memory().numTensors,
          }),
        );
    },
    async validated(report, step) {
      // Every row has the columns of the pictures' figures, painted or not.
      const unpainted = Object.fromEntries(run.paintedFigures.map((name) => [name, Number.NaN]));
      await attempt(async () => {
        log.validation({ step, ...unpainted, ...report });
        await events.scalars(step, report);
        replaceFile(join(output, "chart.svg"), log.chart());
      });
      const { line, bar: shown } = run.describe(report);
      status = shown;
      bar.print(`step ${step}: ${line}`);
    },
    saved: (folder, step) => bar.print(`step ${step}: saved ${folder}`),
    skipped: ({ message }) => bar.print(`skipped: ${message}`),
    warned: (message) => bar.print(`warning: ${message}`),
  };
  return { task: { ...task, ...validate }, listener };
}

async function writeSheet(output: string, events: EventWriter, step: number, sheet: Buffer): Promise<void> {
  const folder = join(output, validationFolder);
  await mkdir(folder, { recursive: true });
  replaceFile(join(folder, `step-${String(step).padStart(8, "0")}.png`), sheet);
  await events.images(step, {
    validation: { width: sheet.readUInt32BE(16), height: sheet.readUInt32BE(20), png: sheet },
  });
}
