import { ControlNetError, isControlNetError, jit } from "@controlnet-js/core";
import type { Pipeline } from "@controlnet-js/models";
import { isAllFinite, type Plan } from "@controlnet-js/samplers";
import { addN, mul, type Scalar, sum, type Tensor, type Tensor4D } from "@tensorflow/tfjs-core";
import {
  type ActiveNet,
  netResiduals,
  type PredictionInputs,
  unguidedPrediction,
} from "./guided-prediction.js";

/** A model call, kept until its step is known to be sound. */
export interface ModelCall {
  /** Counted from 0 over the run. */
  call: number;
  inputs: PredictionInputs;
  nets: readonly ActiveNet[];
  /** What each of `nets` is called in errors. */
  names: readonly string[];
  /** The model's output, and what classifier guidance made of it: the same without any. */
  raw: Tensor4D;
  output: Tensor4D;
  /** Those that live as long as this. */
  tensors: readonly Tensor[];
}

/** A part of a run that may have gone wrong: its name in errors and its tensor. */
export type Suspect = readonly [part: string, tensor: Tensor];

/** What a run's fault is looked for in. */
export interface Evidence {
  unet: Pipeline["unet"];
  plan: Plan;
  /** What the run was given and made before its first step, in the order in which one thing follows from another. */
  suspects: readonly Suspect[];
  /** The calls of the step that failed. */
  calls: readonly ModelCall[];
}

/**
 * Names the part that NaN or infinity in a run's latents come from, by looking at each in order. The parts of a model call
 * are run again, one after another: nothing of this costs a run that is sound.
 * @param error what the sampler threw; any but its `data` comes back as it is
 * @returns the error to throw
 */
export async function withFault(error: unknown, evidence: Evidence): Promise<unknown> {
  if (!isControlNetError(error) || error.code !== "data") return error;
  const part = await findFault(evidence);
  if (part === undefined) return error;
  const { plan, calls } = evidence;
  const call = calls.at(-1)?.call ?? 0;
  const step = plan.calls.findLastIndex((first) => first <= call);
  return new ControlNetError(
    "data",
    `textToImage: NaN or infinity after step ${step + 1} of ${plan.steps} of "${plan.name}" (timestep ${plan.timesteps[call]}): ` +
      `it comes from ${part}`,
    { cause: error },
  );
}

const brokenWeights =
  "look for NaN or infinity in its weights, which half precision may have made: take the file in full precision";

/** Undefined where everything that is looked at is sound. */
async function findFault({ unet, suspects, calls }: Evidence): Promise<string | undefined> {
  for (const [part, tensor] of suspects) if (!(await isAllFinite(tensor))) return part;
  for (const { inputs, nets, names, raw, output } of calls) {
    // Not the model's doing: the sampler says at which step.
    if (!(await isAllFinite(inputs.latents))) return undefined;
    if (await isAllFinite(output)) continue;
    if (await isAllFinite(raw)) return "the gradient of classifier guidance, or its scale";
    for (const [i, net] of nets.entries()) {
      if (!(await isAllFinite(net.hint))) return `${names[i]}, its hint encoder: ${brokenWeights}`;
      if (!(await isSound(totalOfResiduals, net, inputs))) return `${names[i]}: ${brokenWeights}`;
    }
    const isSoundWith = (active: readonly ActiveNet[]) => isSound(totalOfOutput, unet, inputs, active);
    if (!(await isSoundWith([]))) return `the U-Net: ${brokenWeights}`;
    if (nets.length > 0 && !(await isSoundWith(nets)))
      return `the U-Net with what ${names.join(" and ")} add${nets.length === 1 ? "s" : ""} to it: lower the strength`;
    return "guidance: lower it, or its rescaling";
  }
  return undefined;
}

function totalOfResiduals(net: ActiveNet, inputs: PredictionInputs): Scalar {
  const { skips, middle } = netResiduals(net, inputs);
  return addN([...skips, middle].flatMap((residual) => (residual ? [smallSum(residual)] : [])));
}

const totalOfOutput = (...args: Parameters<typeof unguidedPrediction>): Scalar =>
  smallSum(unguidedPrediction(...args));

/** A sum that large values don't make infinite; NaN and infinity do. */
const smallSum = (x: Tensor): Scalar => sum(mul(x, 1e-12)) as Scalar;

/** Runs a part as one function, which frees what it makes on the way, and tells whether its total is a number. */
async function isSound<A extends unknown[]>(total: (...args: A) => Scalar, ...args: A): Promise<boolean> {
  const run = jit(total, { name: "find-fault" });
  try {
    const value = run(...args);
    return await isAllFinite(value).finally(() => value.dispose());
  } finally {
    run.dispose();
  }
}
