import { ProtoWriter } from "./protobuf.js";

/** How TensorFlow uses the machine. Everything is optional. */
export interface DeviceOptions {
  /** Threads inside one op. Default: TensorFlow's own choice, one a core. */
  threads?: number;
  /** Ops that may run at once inside a compiled function. Default: TensorFlow's own choice. */
  interOpThreads?: number;
  /** Which GPUs to see, e.g. `"0,2"`; `"-1"` sees none. */
  visibleDevices?: string;
  /** Take GPU memory as it is needed rather than all at once. Default true. */
  memoryGrowth?: boolean;
  /** The most memory to take on each GPU, in MiB. */
  memoryLimit?: number;
  /** Print the device of each op to standard error. */
  logPlacement?: boolean;
}

/**
 * The options as a serialized `tensorflow.ConfigProto`.
 * @param gpus how many to open at most; a list of visible ones that is empty ends the process under XLA
 */
export function encodeConfig(options: DeviceOptions, gpus?: 0): Uint8Array {
  const gpu = new ProtoWriter()
    .varint(4, options.memoryLimit === undefined && (options.memoryGrowth ?? true))
    .string(5, options.visibleDevices);
  if (options.memoryLimit !== undefined) {
    const virtualDevice = new ProtoWriter().float(1, options.memoryLimit);
    gpu.message(9, new ProtoWriter().message(1, virtualDevice));
  }
  const config = new ProtoWriter();
  // An entry of the map `device_count`; its value, zero, is the default and so left out.
  if (gpus === 0) config.message(1, new ProtoWriter().string(1, "GPU"));
  return config
    .varint(2, options.threads)
    .varint(5, options.interOpThreads)
    .message(6, gpu)
    .varint(7, true)
    .varint(8, options.logPlacement)
    .finish();
}
