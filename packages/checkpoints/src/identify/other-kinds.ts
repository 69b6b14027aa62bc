/** A kind of file that is none of our models, told by its names. */
export interface OtherKind {
  kind: OtherKindName;
  /** What it is, for a person: "a LoRA". */
  title: string;
  /** What to do with it. */
  advice: string;
  /** Whether it is this kind even where it holds one of our models, such as an autoencoder, too. */
  decides?: boolean;
}

/** The kinds that are recognised so that they can be named. */
export type OtherKindName =
  | "lora"
  | "control-lora"
  | "controlnet-lllite"
  | "t2i-adapter"
  | "ip-adapter"
  | "textual-inversion"
  | "motion-module"
  | "video-model"
  | "diffusion-transformer"
  | "image-encoder";

const kinds: readonly (OtherKind & { pattern: RegExp })[] = [
  {
    kind: "control-lora",
    decides: true,
    title: "a Control-LoRA",
    advice: "it only works with Stable Diffusion XL; use a full ControlNet",
    pattern: /^lora_controlnet$/,
  },
  {
    kind: "controlnet-lllite",
    title: "a ControlNet-LLLite",
    advice: "it only works with Stable Diffusion XL; use a full ControlNet",
    pattern: /^lllite_/,
  },
  {
    kind: "lora",
    decides: true,
    title: "a LoRA",
    advice: "it changes a model but is none; merge it into its base model first, or use a full ControlNet",
    pattern: /\.lora_(down|up)\.weight$|\.lora_[AB]\.|[._]lora\.(down|up)\.|\.hada_w\d|\.lokr_w\d|\.oft_/,
  },
  {
    kind: "ip-adapter",
    title: "an IP-Adapter",
    advice: "it takes an image as the prompt; use a ControlNet",
    pattern: /^(image_proj|ip_adapter)\./,
  },
  {
    kind: "t2i-adapter",
    title: "a T2I-Adapter",
    advice: "it controls by another, smaller network; use a ControlNet",
    pattern: /^(adapter\.)?body\.\d+\.(in_conv|block1|resnets)\b/,
  },
  {
    kind: "motion-module",
    decides: true,
    title: "a motion module of AnimateDiff",
    advice: "it makes videos; use a ControlNet or a base model",
    pattern: /(^|\.)motion_modules\./,
  },
  {
    kind: "video-model",
    decides: true,
    title: "a model of videos (Stable Video Diffusion or the like)",
    advice: "only models of single pictures are supported: Stable Diffusion 1 and 2",
    pattern: /\.(time_stack|time_mixer|temporal_transformer_blocks|temporal_res_block)\b/,
  },
  {
    kind: "diffusion-transformer",
    decides: true,
    title: "a diffusion transformer (Stable Diffusion 3, Flux or the like)",
    advice: "only latent-diffusion U-Nets are supported: Stable Diffusion 1 and 2",
    pattern:
      /^(model\.diffusion_model\.)?(joint_blocks|double_blocks|single_transformer_blocks|transformer_blocks)\.\d+\./,
  },
  {
    kind: "textual-inversion",
    title: "a textual inversion embedding",
    advice: "it adds a word to the text encoder, but holds no model",
    pattern: /^(emb_params|clip_[gl]|string_to_param(\..+)?|<.+>)$/,
  },
  {
    kind: "image-encoder",
    title: "a CLIP image encoder",
    advice: "the text encoder is another file",
    pattern: /^(vision_model|visual)\./,
  },
];

/** The kind that some of these names give away. */
export function findOtherKind(names: readonly string[]): OtherKind | undefined {
  return kinds.find(({ pattern }) => names.some((name) => pattern.test(name)));
}
