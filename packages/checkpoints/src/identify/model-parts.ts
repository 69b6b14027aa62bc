import type { DType } from "../dtype.js";
import type { TensorSource } from "../tensor-source.js";

/** A model that may be in a file, alone or among others. */
export type ModelPart = "unet" | "controlnet" | "autoencoder" | "text-encoder";

/** The published forms of key names. */
export type KeyForm = "ldm" | "diffusers" | "transformers" | "transformers-5" | "openclip";

/** A model found in a file, with what its shapes tell. */
export interface FoundPart {
  part: ModelPart;
  keys: KeyForm;
  /** What the names have before the key table's, `"model.diffusion_model."`; empty where the model is alone. */
  prefix: string;
  /** How many tensors begin with the prefix. */
  tensors: number;
  /** The type of the first convolution or embedding. */
  dtype: DType;
  /** U-Net and ControlNet: channels of the latent going in (4; 9 for inpainting; 8 for pix2pix). */
  inputChannels?: number;
  /** U-Net and ControlNet: channels after the first convolution (320). */
  width?: number;
  /** U-Net and ControlNet: width of the text embedding (768 or 1024). Text encoder: of its output. */
  contextWidth?: number;
  /** ControlNet: channels of the control map. */
  hintChannels?: number;
  /** Autoencoder: channels of the latent. */
  latentChannels?: number;
  /** U-Net and ControlNet of Stable Diffusion XL: takes size and style embeddings. */
  takesAddedEmbedding?: boolean;
}

/** A key that each model has, by which its prefix is found. */
const signatures: readonly [
  signature: string,
  look: (names: Names, prefix: string) => FoundPart | undefined,
][] = [
  ["input_blocks.0.0.weight", (names, prefix) => ldmNet(names, prefix)],
  ["time_embedding.linear_1.weight", (names, prefix) => diffusersNet(names, prefix)],
  ["encoder.conv_in.weight", (names, prefix) => autoencoder(names, prefix)],
  ["token_embedding.weight", (names, prefix) => textEncoder(names, prefix)],
];

/** Every model in the file, in the order of the file. */
export function findParts(source: TensorSource): FoundPart[] {
  const names = new Names(source);
  const found: FoundPart[] = [];
  for (const name of names.all)
    for (const [signature, look] of signatures) {
      if (!name.endsWith(signature)) continue;
      const prefix = name.slice(0, name.length - signature.length);
      const part = prefix === "" || prefix.endsWith(".") ? look(names, prefix) : undefined;
      if (part) found.push(part);
    }
  return found;
}

class Names {
  readonly all: readonly string[];
  private readonly set: ReadonlySet<string>;

  constructor(private readonly source: TensorSource) {
    this.all = source.names();
    this.set = new Set(this.all);
  }

  has = (name: string): boolean => this.set.has(name);

  /** Side `axis` of a tensor, or undefined where there is none. */
  side = (name: string, axis: number): number | undefined =>
    this.set.has(name) ? this.source.get(name).shape[axis] : undefined;

  dtype = (name: string): DType => this.source.get(name).dtype;

  first = (prefix: string, ending: string): string | undefined =>
    this.all.find((name) => name.startsWith(prefix) && name.endsWith(ending));

  count = (prefix: string): number => this.all.filter((name) => name.startsWith(prefix)).length;
}

const net = (names: Names, prefix: string, inputKey: string) => {
  const key = names.first(prefix, "attn2.to_k.weight");
  return {
    prefix,
    tensors: names.count(prefix),
    dtype: names.dtype(prefix + inputKey),
    inputChannels: names.side(prefix + inputKey, 1),
    width: names.side(prefix + inputKey, 0),
    contextWidth: key === undefined ? undefined : names.side(key, 1),
  };
};

function ldmNet(names: Names, prefix: string): FoundPart | undefined {
  const common = { keys: "ldm", takesAddedEmbedding: names.has(`${prefix}label_emb.0.0.weight`) } as const;
  if (names.has(`${prefix}zero_convs.0.0.weight`)) {
    const hintChannels = names.side(`${prefix}input_hint_block.0.weight`, 1);
    return { part: "controlnet", ...common, ...net(names, prefix, "input_blocks.0.0.weight"), hintChannels };
  }
  if (!names.has(`${prefix}out.2.weight`)) return undefined;
  return { part: "unet", ...common, ...net(names, prefix, "input_blocks.0.0.weight") };
}

function diffusersNet(names: Names, prefix: string): FoundPart | undefined {
  if (!names.has(`${prefix}conv_in.weight`)) return undefined;
  const common = {
    keys: "diffusers",
    takesAddedEmbedding: names.has(`${prefix}add_embedding.linear_1.weight`),
  } as const;
  const hintChannels = names.side(`${prefix}controlnet_cond_embedding.conv_in.weight`, 1);
  if (hintChannels !== undefined)
    return { part: "controlnet", ...common, ...net(names, prefix, "conv_in.weight"), hintChannels };
  if (!names.has(`${prefix}conv_out.weight`)) return undefined;
  return { part: "unet", ...common, ...net(names, prefix, "conv_in.weight") };
}

function autoencoder(names: Names, prefix: string): FoundPart | undefined {
  const keys = names.first(`${prefix}encoder.down_blocks.`, "") ? "diffusers" : "ldm";
  if (keys === "ldm" && !names.first(`${prefix}encoder.down.`, "")) return undefined;
  return {
    part: "autoencoder",
    keys,
    prefix,
    tensors: names.count(prefix),
    dtype: names.dtype(`${prefix}encoder.conv_in.weight`),
    latentChannels: names.side(`${prefix}decoder.conv_in.weight`, 1),
  };
}

function textEncoder(names: Names, before: string): FoundPart | undefined {
  const keys = before.endsWith("text_model.embeddings.")
    ? "transformers"
    : before.endsWith("embeddings.")
      ? "transformers-5"
      : names.has(`${before}transformer.resblocks.0.ln_1.weight`)
        ? "openclip"
        : undefined;
  if (!keys) return undefined;
  const prefix = before.replace(/(text_model\.)?embeddings\.$/, "");
  return {
    part: "text-encoder",
    keys,
    prefix,
    tensors: names.count(prefix),
    dtype: names.dtype(`${before}token_embedding.weight`),
    contextWidth: names.side(`${before}token_embedding.weight`, 1),
  };
}
