import { TensorFlowError } from "./errors.js";

/** Which build of TensorFlow: `cpu`, or `cuda` for NVIDIA GPUs. */
export type Variant = "cpu" | "cuda";

/** A Python wheel, pinned by version and hash. */
export interface Wheel {
  name: string;
  version: string;
  sha256: string;
  megabytes?: number;
}

/** The TensorFlow release that this package is built and tested against. */
export const tensorFlowVersion = "2.21.0";

/** The two libraries that are kept of a wheel. */
export const libraryNames = ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"] as const;

/** The Python that the wheels are for; none runs. */
export const pythonVersion = "311";

/** The tags of wheels for x64 that run where TensorFlow's does; pip takes each tag by itself. */
export const platforms = ["2014", "_2_17", "_2_18", "_2_25", "_2_27", "_2_28"].map(
  (tag) => `manylinux${tag}_x86_64`,
);

const wheels: Record<string, Wheel> = {
  "linux-x64-cpu": {
    name: "tensorflow-cpu",
    version: tensorFlowVersion,
    sha256: "2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c",
    megabytes: 274,
  },
  "linux-x64-cuda": {
    name: "tensorflow",
    version: tensorFlowVersion,
    sha256: "9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124",
    megabytes: 600,
  },
};

/**
 * The CUDA libraries that TensorFlow opens at run time: those of CUDA 12.9.1, with a cuDNN and an NCCL that the
 * `and-cuda` extra of TensorFlow's own wheel allows.
 */
export const cudaWheels: readonly Wheel[] = [
  {
    name: "nvidia-cublas-cu12",
    version: "12.9.1.4",
    sha256: "453611eb21a7c1f2c2156ed9f3a45b691deda0440ec550860290dc901af5b4c2",
  },
  {
    name: "nvidia-cuda-cupti-cu12",
    version: "12.9.79",
    sha256: "096bcf334f13e1984ba36685ad4c1d6347db214de03dbb6eebb237b41d9d934f",
  },
  {
    name: "nvidia-cuda-nvcc-cu12",
    version: "12.9.86",
    sha256: "5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0",
  },
  {
    name: "nvidia-cuda-nvrtc-cu12",
    version: "12.9.86",
    sha256: "210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4",
  },
  {
    name: "nvidia-cuda-runtime-cu12",
    version: "12.9.79",
    sha256: "25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3",
  },
  {
    name: "nvidia-cudnn-cu12",
    version: "9.19.0.56",
    sha256: "ac6ad90a075bb33a94f2b4cf4622eac13dd4dc65cf6dd9c7572a318516a36625",
  },
  {
    name: "nvidia-cufft-cu12",
    version: "11.4.1.4",
    sha256: "c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28",
  },
  {
    name: "nvidia-curand-cu12",
    version: "10.3.10.19",
    sha256: "49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e",
  },
  {
    name: "nvidia-cusolver-cu12",
    version: "11.7.5.82",
    sha256: "15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88",
  },
  {
    name: "nvidia-cusparse-cu12",
    version: "12.5.10.65",
    sha256: "73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78",
  },
  {
    name: "nvidia-nccl-cu12",
    version: "2.28.9",
    sha256: "485776daa8447da5da39681af455aa3b2c2586ddcf4af8772495e7c532c7e5ab",
  },
  {
    name: "nvidia-nvjitlink-cu12",
    version: "12.9.86",
    sha256: "e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9",
  },
];

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
