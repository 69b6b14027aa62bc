import { ControlNetError } from "@controlnet-js/core";
import type { Denoiser } from "@controlnet-js/samplers";
import { embedGuidance } from "@controlnet-js/unet";
import {
  scalar,
  type Tensor,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  tensor1d,
  tensor2d,
} from "@tensorflow/tfjs-core";
import type { AppliedCall } from "./applied.js";
import type { ChosenPlan } from "./choose-plan.js";
import { type ClassifierGuidance, steer } from "./classifier-guidance.js";
import type { CompiledModels } from "./compiled-models.js";
import type { PreparedControl } from "./control-input.js";
import { isInWindow } from "./control-window.js";
import type { ModelCall } from "./find-fault.js";
import type { ActiveNet, PredictionInputs } from "./guided-prediction.js";
import type { ResolvedOptions } from "./resolve-options.js";

/** What a denoiser is made of. */
export interface DenoiserParts extends ChosenPlan {
  run: Pick<ResolvedOptions, "guided" | "embedsGuidance" | "guidance" | "guidanceRescale" | "imageGuidance">;
  context: Tensor3D;
  controls: readonly PreparedControl[];
  /** Takes over tensors that live as long as the run. */
  own: <T extends Tensor>(tensor: T) => T;
  /** The model call that the run begins with, in image-to-image. */
  firstCall?: number;
  /** More channels for the U-Net alone. */
  extra?: Tensor4D | undefined;
  classifier?: ClassifierGuidance | undefined;
}

/** A denoiser, and what it was last asked. */
export interface TracedDenoiser {
  denoise: Denoiser;
  /** The model calls of the step that the run is in, for `findFault`. */
  readonly calls: readonly ModelCall[];
  dispose(): void;
}

/**
 * The model as a sampler sees it: U-Net, those ControlNets that have an effect in this call, and guidance. It notes what
 * it did in each control's report.
 */
export function createDenoiser(compiled: CompiledModels, parts: DenoiserParts): TracedDenoiser {
  const { plan, schedule, run, context, controls, own, firstCall = 0, extra, classifier } = parts;
  const { unet } = compiled.pipeline;
  const guidance = run.guided ? own(scalar(run.guidance)) : undefined;
  const guidanceEmbedding = run.embedsGuidance
    ? own(embeddedGuidance(run.guidance, unet.config.guidanceChannels!))
    : undefined;
  const imageGuidance =
    run.guided && run.imageGuidance !== undefined ? own(scalar(run.imageGuidance)) : undefined;
  const rescale = run.guided && run.guidanceRescale > 0 ? own(scalar(run.guidanceRescale)) : undefined;
  const hints = new Map<PreparedControl, Tensor4D>();
  // Encoded at the net's first call: a net that is never active costs nothing.
  const hintOf = (control: PreparedControl): Tensor4D => {
    let hint = hints.get(control);
    if (!hint)
      hints.set(
        control,
        (hint = own(compiled.functions.encodeHint(control.input.net.params.hint, control.map))),
      );
    return hint;
  };
  const firstOfStep = new Set(plan.calls);
  const calls: ModelCall[] = [];
  const forget = () => {
    for (const { tensors } of calls.splice(0)) for (const tensor of tensors) tensor.dispose();
  };
  const denoise: Denoiser = async (latents, timestep, call) => {
    if (firstOfStep.has(call)) forget();
    const tensors: Tensor[] = [];
    const keep = <T extends Tensor>(tensor: T): T => {
      tensors.push(tensor);
      return tensor;
    };
    const nets: ActiveNet[] = [];
    const names: string[] = [];
    try {
      for (const control of controls) {
        const scales = scalesAt(control, call - firstCall, plan.timesteps.length - firstCall, timestep, call);
        if (!scales) continue;
        nets.push(activeNet(control, scales, hintOf(control), tensors));
        names.push(control.applied.name);
      }
      // Clones share their values: what is kept of a step takes no memory worth naming.
      const inputs: PredictionInputs = {
        latents: keep(latents.clone()),
        timestep: keep(tensor1d([timestep])),
        context,
        ...(extra && { extra }),
        ...(guidance && { guidance }),
        ...(guidanceEmbedding && { guidanceEmbedding }),
        ...(imageGuidance && { imageGuidance }),
        ...(rescale && { rescale }),
      };
      const raw = compiled.functions.predict(unet, inputs, nets);
      const kept = { call, inputs, nets, names, raw: keep(raw.clone()), tensors };
      const output = classifier ? await steer(schedule, classifier, latents, timestep, raw) : raw;
      calls.push({ ...kept, output: keep(output.clone()) });
      return output;
    } catch (error) {
      for (const tensor of tensors) tensor.dispose();
      throw error;
    }
  };
  return { denoise, calls, dispose: forget };
}

/** [1, channels] */
const embeddedGuidance = (guidance: number, channels: number): Tensor2D =>
  tensor2d(embedGuidance(guidance, channels), [1, channels]);

/** The link scales of a control in a call, noted in its report; undefined where it has no effect. */
function scalesAt(
  control: PreparedControl,
  index: number,
  calls: number,
  timestep: number,
  call: number,
): number[] | undefined {
  const { input, base, start, end, applied } = control;
  const note = (entry: Pick<AppliedCall, "scales" | "skipped">) => {
    applied.calls.push({ call, timestep, ...entry });
    return entry.scales;
  };
  if (!isInWindow(index, calls, start, end)) return note({ skipped: "outside its window" });
  const { strength: given = 1 } = input;
  const strength = typeof given === "number" ? given : given({ call: index, calls, timestep });
  if (!Number.isFinite(strength))
    throw new ControlNetError(
      "range",
      `textToImage: ${applied.name}: expected a finite strength, got ${strength}`,
    );
  const scales = base.map((scale) => scale * strength);
  return scales.every((scale) => scale === 0) ? note({ skipped: "all scales are 0" }) : note({ scales });
}

function activeNet(control: PreparedControl, scales: number[], hint: Tensor4D, tensors: Tensor[]): ActiveNet {
  // Passed even where all are 1, so that moving the strength needs no new compilation.
  const factors = tensor1d(scales);
  const { params, config } = control.input.net;
  tensors.push(factors);
  return {
    // What was opened may hold metadata, too.
    net: { params, config },
    hint,
    connected: scales.map((scale) => scale !== 0),
    levels: control.levels,
    both: control.both,
    scales: factors,
    ...(control.masks && { masks: control.masks }),
  };
}
