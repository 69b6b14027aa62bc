import * as z from "zod";
import { combine } from "./combine.js";
import { defineSampler } from "./define-sampler.js";
import { limitFields, spacingFields, zeroTerminalSnr } from "./diffusers-class.js";
import { setAlphaToOneField, setAlphaToOneOption } from "./last-alpha.js";
import { limited, limitOptions } from "./limit.js";
import { oneCallPerStep } from "./plan.js";
import { interpret } from "./prediction.js";
import { alphaCumprodAt, levelOf } from "./schedule.js";
import { ldmTimesteps, spacingOptions, timesteps } from "./timesteps.js";

/**
 * DDIM (Song, Meng, Ermon 2021, equations 12 and 16):
 * `x_prev = sqrt(abar_prev) x0 + sqrt(1 - abar_prev - s^2) eps + s z`,
 * `s = eta sqrt((1 - abar_prev) / (1 - abar_t) (1 - abar_t / abar_prev))`.
 */
export const ddim = defineSampler({
  name: "ddim",
  description: "Denoising diffusion implicit models (Song, Meng, Ermon 2021)",
  options: z.object({
    ...spacingOptions("leading"),
    eta: z.number().min(0, "expected eta >= 0").default(0).describe("0: deterministic; 1: as noisy as DDPM"),
    setAlphaToOne: setAlphaToOneOption,
    rule: z
      .enum(["diffusers", "ldm"])
      .default("diffusers")
      .describe(
        "whose timesteps: diffusers steps from t to t - floor(T / steps); ldm, the published code, from each of its " +
          "timesteps (31 for 30) to the next",
      ),
    ...limitOptions,
  }),
  diffusers: {
    className: "DDIMScheduler",
    groups: [spacingFields("leading"), limitFields(true), setAlphaToOneField(true), zeroTerminalSnr],
  },
  plan(schedule, options) {
    const { steps, eta, spacing, stepsOffset, setAlphaToOne, rule } = options;
    const grid =
      rule === "ldm" ? ldmTimesteps(schedule, steps) : timesteps(schedule, steps, spacing, { stepsOffset });
    const last = setAlphaToOne && rule !== "ldm" ? 1 : schedule.alphasCumprod[0]!;
    const stride = Math.floor(schedule.trainTimesteps / steps);
    const bars = grid.map((t) => alphaCumprodAt(schedule, t));
    const targets = grid.map((t, i) => {
      if (rule === "ldm") return bars[i + 1] ?? last;
      return t - stride >= 0 ? alphaCumprodAt(schedule, t - stride) : last;
    });
    return {
      timesteps: grid,
      steps: grid.length,
      calls: oneCallPerStep(grid.length),
      levels: [...bars.map(levelOf), levelOf(targets.at(-1)!)],
      initialScale: 1,
      stochastic: eta > 0,
      async step({ step, latent, ask, own, noise }) {
        const level = levelOf(bars[step]!);
        const target = levelOf(targets[step]!);
        const output = await ask(latent, level);
        const { clean, epsilon } = interpret(schedule.prediction, level);
        const predictedClean = await limited(
          own(combine([clean.latent, latent], [clean.output, output])),
          options,
        );
        const spread =
          eta * (target.sigma / level.sigma) * Math.sqrt(Math.max(0, 1 - bars[step]! / targets[step]!));
        const direction = Math.sqrt(Math.max(0, 1 - targets[step]! - spread ** 2));
        return {
          predictedClean,
          latent: combine(
            [target.alpha, predictedClean],
            [direction * epsilon.latent, latent],
            [direction * epsilon.output, output],
            ...(eta > 0 ? [[spread, noise()] as const] : []),
          ),
        };
      },
    };
  },
});
