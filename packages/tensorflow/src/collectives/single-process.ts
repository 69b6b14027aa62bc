import { clone, type Tensor } from "@tensorflow/tfjs-core";
import type { Communicator } from "./communicator.js";

/** A group of one: what runs on several processes runs on one without another code path. */
export function singleProcess(): Communicator {
  const same = async (tensors: readonly Tensor[]): Promise<Tensor[]> =>
    tensors.map((tensor) => clone(tensor));
  return {
    rank: 0,
    size: 1,
    allReduce: same,
    broadcast: same,
    barrier: async () => {},
    abort: () => {},
    health: async () => "alive",
  };
}
