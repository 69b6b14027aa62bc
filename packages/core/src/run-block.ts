import { rematerialize } from "./rematerialize.js";

/**
 * How a model runs one of its blocks. `block` is pure: all tensors that it needs come in `inputs` (activations) and
 * `params`.
 */
export type RunBlock = <I, P, O>(block: (inputs: I, params: P) => O, inputs: I, params: P) => O;

/** Runs a block as it is: everything its gradient needs stays in memory until the backward pass. */
export const runBlock: RunBlock = (block, inputs, params) => block(inputs, params);

/** Keeps a block's inputs only and runs it again in the backward pass (see {@link rematerialize}). */
export const checkpointBlock: RunBlock = (block, inputs, params) =>
  rematerialize(({ inputs: given, params: leaves }) => block(given, leaves), { inputs, params });

/** As {@link checkpointBlock}, for parameters that get no gradient: those of a locked model. */
export const checkpointLockedBlock: RunBlock = (block, inputs, params) =>
  rematerialize((given) => block(given, params), inputs);
