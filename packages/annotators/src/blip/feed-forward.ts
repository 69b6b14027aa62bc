import { gelu, linear, quickGelu } from "@controlnet-js/core";
import { relu, type Tensor } from "@tensorflow/tfjs-core";
import type { Activation } from "./config.js";
import type { FeedForward } from "./parameters.js";

const functions = { gelu, quick_gelu: quickGelu, relu } as const;

/** The activation of this name, elementwise. */
export const activate = <T extends Tensor>(x: T, name: Activation): T => functions[name](x) as T;

/** The feed-forward layer of a transformer over the last axis. */
export const feedForward = <T extends Tensor>(x: T, params: FeedForward, name: Activation): T =>
  linear(activate(linear(x, params.expand), name), params.contract);
