import { readFileSync } from "node:fs";
import { expectClose, expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { add, dispose, mean, mul, type Tensor4D, tensor4d, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, describe, it } from "vitest";
import type { Denoiser } from "./plan.js";
import { sample, startLevel } from "./sample.js";
import type { NoiseLevel } from "./schedule.js";
import { planFromConfig, readSchedulerConfig } from "./scheduler-config.js";
import { type Fixture, fixtureModel, fixtureNoise, titleOf } from "./testing/diffusers-runs.js";

/** What `tooling/reference/samplers.py` made as diffusers' image-to-image and inpainting pipelines do. */
interface PictureFixture extends Omit<Fixture, "runs"> {
  runs: { steps: number; start: number; masked: boolean; end: number[] }[];
}

const fixtures = JSON.parse(
  readFileSync(new URL("../fixtures/pictures.json", import.meta.url), "utf8"),
) as PictureFixture[];

beforeAll(useCpuBackend);

/** The script's model, in which every value depends on all others: what is painted on what is known. */
const mixingModel: Denoiser = (x, t, call) =>
  tidy(() => add(fixtureModel(x, t, call) as Tensor4D, mul(0.3, mean(x))) as Tensor4D);

/** The end of a run that begins with the fixture's picture, or that paints every other of its values anew. */
async function endOf({ config, stepArgs }: PictureFixture, run: PictureFixture["runs"][number]) {
  const plan = planFromConfig(readSchedulerConfig(config), { steps: run.steps, ...stepArgs });
  const [clean, noise] = [fixtureNoise(-2), fixtureNoise(-1)];
  const mask = tensor4d([1, 0, 1, 0, 1, 0, 1, 0], [1, 2, 2, 2]);
  const kept = tensor4d([0, 1, 0, 1, 0, 1, 0, 1], [1, 2, 2, 2]);
  const known = ({ alpha, sigma }: NoiseLevel) => add(mul(clean, alpha), mul(noise, sigma)) as Tensor4D;
  const fresh = run.masked && run.start === 0;
  const start = fresh ? noise : tidy(() => known(startLevel(plan, run.start)));
  let draw = 0;
  const end = await sample(mixingModel, start, plan, {
    noise: () => fixtureNoise(draw++),
    ...(!fresh && { startStep: run.start }),
    ...(run.masked && {
      repair: (latent, level) => tidy(() => add(mul(kept, known(level)), mul(mask, latent)) as Tensor4D),
    }),
  });
  const values = [...end.dataSync()];
  dispose([clean, noise, mask, kept, start, end]);
  return values;
}

describe.each(fixtures)("$config._class_name ends where diffusers' pipelines do", (fixture) => {
  for (const run of fixture.runs)
    it(`${run.masked ? "inpainting" : "image-to-image"} from step ${run.start} of ${run.steps}, ${titleOf(fixture)}`, () =>
      expectNoTensorLeak(async () => expectClose(await endOf(fixture, run), run.end, 1e-5)));
});
