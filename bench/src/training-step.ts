import { type ControlNetOptions, createControlNet } from "@controlnet-js/controlnet";
import {
  type ControlBatch,
  controlNetLoss,
  createTrainState,
  createTrainStep,
  type LossOptions,
  type TrainStepOptions,
} from "@controlnet-js/training";
import { createUNet, type UNetConfig } from "@controlnet-js/unet";
import { quickInitializer } from "./weights.js";

/** One optimiser step of a ControlNet on a locked U-Net: loss, gradients, clipping, AdamW. */
export function trainingStep(
  config: UNetConfig,
  batch: () => ControlBatch,
  {
    precision = "float32",
    hintWidths,
    ...loss
  }: LossOptions & Pick<TrainStepOptions, "precision"> & Pick<ControlNetOptions, "hintWidths"> = {},
): () => Promise<void> {
  const locked = createUNet(config, quickInitializer);
  const net = createControlNet(locked, { ...(hintWidths && { hintWidths }), seed: 1 });
  let state = createTrainState(net.params);
  const step = createTrainStep(
    (params: typeof state.params, given: ControlBatch) =>
      controlNetLoss({ ...net, params }, locked, given, loss),
    { precision },
  );
  let done = 0;
  return async () => {
    ({ state } = await step.run(state, [batch()], done++, 1e-5));
  };
}
