import type { SamplerName } from "./sampler-table.js";

/** A value of a diffusers config. */
export type Field = string | number | boolean | null | readonly number[];

/** One diffusers scheduler class: which sampler it is, and the options that its configs name. */
export interface SchedulerClass {
  sampler: SamplerName;
  /** Config keys of the class with diffusers' defaults, beside {@link commonFields}. */
  fields: Readonly<Record<string, Field>>;
}

const spacing = (value: string) => ({ timestep_spacing: value, steps_offset: 0 });
const clip = (value: boolean) => ({ clip_sample: value, clip_sample_range: 1 });
const spreads = { use_karras_sigmas: false, use_exponential_sigmas: false, use_beta_sigmas: false };
const pixelThreshold = { thresholding: false, dynamic_thresholding_ratio: 0.995, sample_max_value: 1 };
const flow = {
  use_flow_sigmas: false,
  flow_shift: 1,
  use_dynamic_shifting: false,
  time_shift_type: "exponential",
};
const stableDiffusion = { beta_start: 0.00085, beta_end: 0.012 };
const solver = (order: number, type: string) => ({ solver_order: order, solver_type: type });
const dpm = {
  ...solver(2, "midpoint"),
  ...pixelThreshold,
  ...spreads,
  ...flow,
  algorithm_type: "dpmsolver++",
  final_sigmas_type: "zero",
  lambda_min_clipped: Number.NEGATIVE_INFINITY,
  variance_type: null,
};
const consistency = {
  ...stableDiffusion,
  ...clip(false),
  ...spacing("leading"),
  ...pixelThreshold,
  beta_schedule: "scaled_linear",
  original_inference_steps: 50,
  set_alpha_to_one: true,
  timestep_scaling: 10,
  rescale_betas_zero_snr: false,
};

/** Keys that every class has, with the defaults of most of them. */
export const commonFields: Readonly<Record<string, Field>> = {
  num_train_timesteps: 1000,
  beta_start: 0.0001,
  beta_end: 0.02,
  beta_schedule: "linear",
  trained_betas: null,
  prediction_type: "epsilon",
};

/** The scheduler classes of diffusers that are known here, by `_class_name`. */
export const schedulerClasses: Readonly<Record<string, SchedulerClass>> = {
  DDIMScheduler: {
    sampler: "ddim",
    fields: {
      ...clip(true),
      ...spacing("leading"),
      ...pixelThreshold,
      set_alpha_to_one: true,
      rescale_betas_zero_snr: false,
    },
  },
  DDPMScheduler: {
    sampler: "ddpm",
    fields: {
      ...clip(true),
      ...spacing("leading"),
      ...pixelThreshold,
      variance_type: "fixed_small",
      rescale_betas_zero_snr: false,
    },
  },
  PNDMScheduler: {
    sampler: "pndm",
    fields: { ...spacing("leading"), skip_prk_steps: false, set_alpha_to_one: false },
  },
  EulerDiscreteScheduler: {
    sampler: "euler",
    fields: {
      ...spacing("linspace"),
      ...spreads,
      interpolation_type: "linear",
      timestep_type: "discrete",
      sigma_min: null,
      sigma_max: null,
      final_sigmas_type: "zero",
      rescale_betas_zero_snr: false,
    },
  },
  EulerAncestralDiscreteScheduler: {
    sampler: "euler-ancestral",
    fields: { ...spacing("linspace"), rescale_betas_zero_snr: false },
  },
  HeunDiscreteScheduler: {
    sampler: "heun",
    fields: { ...stableDiffusion, ...spacing("linspace"), ...spreads, ...clip(false) },
  },
  KDPM2DiscreteScheduler: {
    sampler: "dpm2",
    fields: { ...stableDiffusion, ...spacing("linspace"), ...spreads },
  },
  KDPM2AncestralDiscreteScheduler: {
    sampler: "dpm2-ancestral",
    fields: { ...stableDiffusion, ...spacing("linspace"), ...spreads },
  },
  LMSDiscreteScheduler: { sampler: "lms", fields: { ...spacing("linspace"), ...spreads } },
  DPMSolverMultistepScheduler: {
    sampler: "dpmpp-2m",
    fields: {
      ...dpm,
      ...spacing("linspace"),
      lower_order_final: true,
      euler_at_final: false,
      use_lu_lambdas: false,
      rescale_betas_zero_snr: false,
    },
  },
  DPMSolverSinglestepScheduler: { sampler: "dpmpp-singlestep", fields: { ...dpm, lower_order_final: false } },
  DPMSolverSDEScheduler: {
    sampler: "dpmpp-sde",
    fields: { ...stableDiffusion, ...spacing("linspace"), ...spreads, noise_sampler_seed: null },
  },
  DEISMultistepScheduler: {
    sampler: "deis",
    fields: {
      ...solver(2, "logrho"),
      ...spacing("linspace"),
      ...pixelThreshold,
      ...spreads,
      ...flow,
      algorithm_type: "deis",
      lower_order_final: true,
    },
  },
  UniPCMultistepScheduler: {
    sampler: "unipc",
    fields: {
      ...solver(2, "bh2"),
      ...spacing("linspace"),
      ...pixelThreshold,
      ...spreads,
      ...flow,
      predict_x0: true,
      lower_order_final: true,
      disable_corrector: [],
      solver_p: null,
      final_sigmas_type: "zero",
      sigma_min: null,
      sigma_max: null,
      shift_terminal: null,
      rescale_betas_zero_snr: false,
    },
  },
  LCMScheduler: { sampler: "lcm", fields: consistency },
  TCDScheduler: { sampler: "tcd", fields: consistency },
};
