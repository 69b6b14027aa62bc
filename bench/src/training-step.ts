import { type ControlNetConfig, createControlNet } from "@controlnet-js/controlnet";
import {
  type ControlBatch,
  controlNetLoss,
  createTrainState,
  createTrainStep,
  defaultOptimizer,
  type LossOptions,
  type TrainStepOptions,
} from "@controlnet-js/training";
import { createUNet } from "@controlnet-js/unet";
import { quickInitializer } from "./weights.js";

/** One optimiser step of a ControlNet on a locked U-Net: loss, gradients, clipping, AdamW. */
export function trainingStep(
  config: ControlNetConfig,
  batch: () => ControlBatch,
  { precision = "float32", ...options }: LossOptions & Pick<TrainStepOptions, "precision"> = {},
): () => Promise<void> {
  const locked = { params: createUNet(config.unet, quickInitializer), config: config.unet };
  const settings = { ...defaultOptimizer, emaDecay: 0 };
  let state = createTrainState(createControlNet(locked.params, config, { seed: 1 }), settings);
  const step = createTrainStep(
    (net: typeof state.params, given: ControlBatch) => controlNetLoss(net, config, locked, given, options),
    settings,
    { precision },
  );
  let done = 0;
  return async () => {
    ({ state } = await step.run(state, [batch()], done++, 1e-5));
  };
}
