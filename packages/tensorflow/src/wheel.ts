import { TensorFlowError } from "./errors.js";

/** Which build of TensorFlow: `cpu`, or `cuda` for NVIDIA GPUs. */
export type Variant = "cpu" | "cuda";

/** A Python wheel that carries libtensorflow, pinned by version and hash. */
export interface Wheel {
  name: string;
  version: string;
  sha256: string;
  pythonVersion: string;
  platform: string;
  megabytes: number;
}

/** The TensorFlow release that this package is built and tested against. */
export const tensorFlowVersion = "2.21.0";

/** The two libraries that are kept of a wheel. */
export const libraryNames = ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"] as const;

const wheels: Record<string, Wheel> = {
  "linux-x64-cpu": {
    name: "tensorflow-cpu",
    version: tensorFlowVersion,
    sha256: "2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c",
    pythonVersion: "311",
    platform: "manylinux_2_27_x86_64",
    megabytes: 274,
  },
  "linux-x64-cuda": {
    name: "tensorflow",
    version: tensorFlowVersion,
    sha256: "9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124",
    pythonVersion: "311",
    platform: "manylinux_2_27_x86_64",
    megabytes: 600,
  },
};

/** The CUDA 12 libraries that TensorFlow opens at run time, with the versions its own wheel asks for. */
export const cudaRequirements = [
  "nvidia-cublas-cu12>=12.5.3.2,<13",
  "nvidia-cuda-cupti-cu12>=12.5.82,<13",
  "nvidia-cuda-nvcc-cu12>=12.5.82,<13",
  "nvidia-cuda-nvrtc-cu12>=12.5.82,<13",
  "nvidia-cuda-runtime-cu12>=12.5.82,<13",
  "nvidia-cudnn-cu12>=9.3.0.75,<10",
  "nvidia-cufft-cu12>=11.2.3.61,<12",
  "nvidia-curand-cu12>=10.3.6.82,<11",
  "nvidia-cusolver-cu12>=11.6.3.83,<12",
  "nvidia-cusparse-cu12>=12.5.1.3,<13",
  "nvidia-nccl-cu12>=2.27.7,<3",
  "nvidia-nvjitlink-cu12>=12.5.82,<13",
] as const;

/**
 * The wheel for this machine.
 * @throws TensorFlowError `unsupported` where no wheel is pinned for the platform
 */
export function wheelFor(variant: Variant, platform = process.platform, arch = process.arch): Wheel {
  const wheel = wheels[`${platform}-${arch}-${variant}`];
  if (wheel) return wheel;
  throw new TensorFlowError(
    `no TensorFlow ${tensorFlowVersion} (${variant}) is pinned for ${platform}-${arch}; ` +
      `put ${libraryNames.join(" and ")} in a folder and name it in CONTROLNET_LIBTENSORFLOW, or use the wasm engine`,
    {},
    "unsupported",
  );
}
