/** What one ControlNet did in one model call. */
export interface AppliedCall {
  /** The model call, from 0. */
  call: number;
  timestep: number;
  /** The factor of each link, the shallowest first, the middle block last; absent where the net was skipped. */
  scales?: number[];
  /** Why it was skipped. */
  skipped?: "outside its window" | "all scales are 0";
}

/** What one ControlNet did in a run. */
export interface AppliedControl {
  name: string;
  weighting: string;
  /** Whether the unconditional half was controlled, too. */
  half: "both" | "conditional";
  /** Whether a region mask was applied. */
  masked: boolean;
  calls: AppliedCall[];
}

/** What a run really did: nothing is ignored in silence. */
export interface Applied {
  width: number;
  height: number;
  /** Empty where embeds were given. */
  prompts: string[];
  negativePrompts: string[];
  sampler: string;
  /** The timestep of every model call. */
  timesteps: number[];
  /** Steps left out at the start, in image-to-image. */
  startStep: number;
  guidance: number;
  /** Of a U-Net that edits by instruction. */
  imageGuidance?: number;
  guidanceRescale: number;
  seed: number;
  indices: number[];
  controls: AppliedControl[];
  /** What the user should know: cut-off prompts, blank maps, nets without effect. */
  warnings: string[];
}
