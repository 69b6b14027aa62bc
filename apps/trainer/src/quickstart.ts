import { join } from "node:path";
import { ControlNetError } from "@controlnet-js/core";
import { describeFigures, evaluateControl } from "./evaluate.js";
import { replaceFile } from "./files/replace-file.js";
import { printText } from "./print.js";
import { createProgressBar, formatDuration } from "./progress-bar.js";
import { assertOwnFolders, chartFile, markRun, reportFile, sheetFile } from "./quickstart-mark.js";
import type { TrainConfig } from "./task-schemas.js";
import { trainControl } from "./train-control.js";

/** How `controlnet quickstart` was called. */
export interface QuickstartCommand {
  config: TrainConfig;
  out: string;
  engine: string;
  signal?: AbortSignal;
}

/** Maps painted at the end. */
const shown = 16;

/** Trains the example ControlNet, paints held-out maps with it, and tells what happened in `out`. */
export async function quickstart({ config, out, engine, signal }: QuickstartCommand): Promise<void> {
  if (config.task !== "controlnet")
    throw new ControlNetError(
      "config",
      `controlnet quickstart: expected a config of task "controlnet", got "${config.task}"; use controlnet train`,
    );
  const overwrite = await assertOwnFolders(config.output, out);
  const start = { resume: false, overwrite, quickstart: true, engine, ...(signal && { signal }) };
  const trained = await trainControl({ config, ...start });
  const bar = createProgressBar();
  try {
    markRun(out, true);
    const { pipeline, net, condition, detects, heldOut, log, result } = trained;
    await trained.publish(join(out, "controlnet"));
    replaceFile(join(out, chartFile), log.chart());
    const { figures, sheet } = await evaluateControl({
      pipeline,
      net,
      condition,
      detects,
      conditionOptions: config.conditionOptions,
      samples: heldOut.slice(0, shown),
      steps: config.validation.samplingSteps,
      guidance: config.validation.guidance,
      seed: config.training.seed,
      onProgress: (painted, total) => bar.update(painted, total, `painting ${shown} held-out maps`),
    });
    bar.end();
    replaceFile(join(out, sheetFile), sheet);
    const convergence = log.convergence();
    const steps = log.steps;
    const speed = steps.length / steps.reduce((sum, row) => sum + row.seconds!, 0);
    const report = [
      `Trained a ${condition.name} ControlNet on ${config.data.kind} for ${result.step} steps of ${config.training.batchSize} pictures in ${formatDuration(trained.seconds)} (${speed.toFixed(2)} steps/s) with ${trained.engine}.`,
      convergence === undefined
        ? "The hint is not used yet: train on with more steps (controlnet train --resume)."
        : `Sudden convergence at step ${convergence}: from there on, held-out loss was lower with the right map than with a wrong one.`,
      `Over ${shown} held-out maps, between the given map and the picture's own: ${describeFigures(condition, detects, figures)}.`,
      `Peak memory: ${(process.resourceUsage().maxRSS / 1e6).toFixed(2)} GB.`,
      "",
      "contact-sheet.png  map, without control, with control, ground truth",
      "chart.svg          losses, the use of the hint, adherence",
      "controlnet/        the trained ControlNet; diffusers' ControlNetModel.from_pretrained reads it, too",
      "",
      `Paint with it: npx controlnet sample --model ${config.base} --control ${join(out, "controlnet")} --image photo.png --prompt "a red house in the snow"`,
    ].join("\n");
    replaceFile(join(out, reportFile), `${report}\n`);
    printText(`\n${report}\n\nEverything is in ${out}`);
  } finally {
    bar.end();
    trained.dispose();
  }
}
