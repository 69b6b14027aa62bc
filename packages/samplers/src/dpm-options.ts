import { ControlNetError } from "@controlnet-js/core";
import * as z from "zod";
import {
  type Field,
  type FieldGroup,
  field,
  fields,
  finalSigmaField,
  flowFields,
  limitFields,
  solverField,
  spreadFields,
} from "./diffusers-class.js";
import type { DpmAlgorithm } from "./dpm-coefficients.js";
import { orderOption, solverOptions } from "./solver-grid.js";

/** The options of both DPM solvers, but for their algorithm. */
export const dpmOptions = solverOptions.omit({ sigmaMin: true, sigmaMax: true }).extend({
  order: orderOption,
  solver: z.enum(["midpoint", "heun"]).default("midpoint").describe("how the first derivative is weighted"),
});

/** The option `algorithm` of both: which equation is integrated. */
export const algorithmOption = (standard: DpmAlgorithm) =>
  z
    .enum(["dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver"])
    .default(standard)
    .describe("follow the clean prediction (++) or the noise prediction; the sde forms add noise");

/** What diffusers' classes of both share, beside their timesteps. */
export const dpmFields: readonly FieldGroup[] = [
  field("solver_order", 2, "order"),
  solverField(["midpoint", "heun"]),
  limitFields(),
  spreadFields(),
  flowFields,
  {
    fields: { algorithm_type: "dpmsolver++" },
    // DEIS's own type means the class's standard one.
    options: ({ algorithm_type }) => ({
      algorithm: algorithm_type === "deis" ? "dpmsolver++" : algorithm_type,
    }),
  },
  finalSigmaField,
  field("lambda_min_clipped", Number.NEGATIVE_INFINITY, "lambdaMinClipped"),
  {
    ...fields({ variance_type: null }),
    refuse: ({ variance_type }) =>
      String(variance_type).startsWith("learned")
        ? ["variance_type", "a model of latents predicts no variance; use null"]
        : undefined,
  },
];

/** Whether an `algorithm_type` is one of the stochastic forms. */
export const isStochastic = (algorithm: Field | undefined): boolean => String(algorithm).startsWith("sde");

/**
 * Refuses what DPM solvers don't have.
 * @throws ControlNetError `config`
 */
export function assertDpmOptions(where: string, algorithm: DpmAlgorithm, finalSigma: string): void {
  if (algorithm.endsWith("++") || finalSigma !== "zero") return;
  throw new ControlNetError(
    "config",
    `${where}: "${algorithm}" cannot step to zero noise; use finalSigma "sigma-min" or "${algorithm}++"`,
  );
}
