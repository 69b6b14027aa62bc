import { ControlNetError } from "@controlnet-js/core";
import { allReduceInBuckets, type Communicator, connectGroup } from "@controlnet-js/tensorflow";
import { assertEngineName, deviceOf, type SelectEngineOptions } from "./select-engine.js";

/** How to join a group. */
export interface JoinGroupOptions extends SelectEngineOptions {
  /** How long the others may take to come, and any one step of the work, in seconds. Default 3,600. */
  timeoutSeconds?: number;
}

/**
 * Joins the processes that mpirun, srun, torchrun, Kubeflow or `controlnet launch` started together, each of which
 * calls this before anything else uses the engine. TensorFlow becomes the engine of each; tensors are summed in
 * buckets. See `connectGroup` of `@controlnet-js/tensorflow`.
 * @throws ControlNetError `config` for another engine, or where no launcher started this process; as `connectGroup`
 */
export async function joinGroup({
  engine = "auto",
  provision = false,
  timeoutSeconds = 3600,
  log,
}: JoinGroupOptions = {}): Promise<Communicator> {
  assertEngineName("joinGroup", engine);
  if (engine === "wasm" || engine === "cpu")
    throw new ControlNetError(
      "config",
      `joinGroup: processes compute together on TensorFlow, not on "${engine}"; choose tensorflow, tensorflow-gpu or tensorflow-cpu`,
    );
  const group = await connectGroup({
    device: deviceOf(engine),
    provision,
    timeoutSeconds,
    ...(log && { log }),
  });
  if (group.size === 1)
    throw new ControlNetError(
      "config",
      "joinGroup: this process is alone; start several with mpirun, srun, torchrun or controlnet launch",
    );
  return { ...group, allReduce: (tensors) => allReduceInBuckets(group, tensors) };
}
