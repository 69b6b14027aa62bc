import { bytesPerElement, elementCount, type FoundPart, type Identity } from "@controlnet-js/checkpoints";
import { hashTensor } from "@controlnet-js/checkpoints/node";
import { openModel } from "../open/open-model.js";

/** One tensor of a file. */
export interface InspectedTensor {
  name: string;
  dtype: string;
  shape: number[];
  /** SHA-256 of its bytes, in hexadecimal. */
  sha256?: string;
}

/** What a file or folder is and holds. */
export interface Inspection {
  path: string;
  kind: Identity["kind"];
  /** "1.5", "2.1", "xl" or "custom"; absent where it has none. */
  version?: string;
  variant?: Identity["variant"];
  prediction?: Identity["prediction"];
  /** One sentence for a person. */
  summary: string;
  /** What to do, where it is of no use here. */
  advice?: string;
  /** Whether the moving average of the weights is there too. */
  ema: boolean;
  parts: FoundPart[];
  metadata: Record<string, string>;
  /** Numbers in all tensors. */
  parameters: number;
  /** Bytes of all tensors. */
  bytes: number;
  tensors: InspectedTensor[];
}

const versions = {
  sd1: "1.5",
  sd2: "2.1",
  "sd2-unclip": "2.1-unclip",
  sdxl: "xl",
  "sdxl-refiner": "xl",
  custom: "custom",
} as const;

/**
 * Tells what a file, a model's folder or a diffusers folder is and what is in it. Weights are only read for hashes.
 * Files of other kinds are told about, too.
 * @throws ControlNetError `io`, `format`, `unsupported` where it can't be read at all
 */
export function inspectModel(path: string, { hash = false }: { hash?: boolean } = {}): Inspection {
  const { source, identity, close } = openModel(path);
  try {
    const { kind, family, variant, prediction, summary, advice, ema, parts } = identity;
    const tensors = source.names().map((name) => source.get(name));
    const count = (weight: (tensor: (typeof tensors)[number]) => number) =>
      tensors.reduce((sum, tensor) => sum + weight(tensor), 0);
    return {
      path,
      kind,
      ...(family && { version: versions[family] }),
      ...(variant && { variant }),
      ...(prediction && { prediction }),
      summary,
      ...(advice && { advice }),
      ema,
      parts,
      metadata: source.metadata,
      parameters: count(({ shape }) => elementCount(shape)),
      bytes: count(({ shape, dtype }) => elementCount(shape) * bytesPerElement(dtype)),
      tensors: tensors.map((tensor) => ({
        name: tensor.name,
        dtype: tensor.dtype,
        shape: tensor.shape,
        ...(hash && { sha256: hashTensor(tensor) }),
      })),
    };
  } finally {
    close();
  }
}
