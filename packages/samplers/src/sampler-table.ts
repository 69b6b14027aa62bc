import { ControlNetError, unknownName } from "@controlnet-js/core";
import { ddim } from "./ddim.js";
import { ddpm } from "./ddpm.js";
import type { DefinedSampler } from "./define-sampler.js";
import { deis } from "./deis.js";
import { dpmMultistep, dpmMultistepSde } from "./dpm-multistep.js";
import { dpmSde } from "./dpm-sde.js";
import { dpmSinglestep } from "./dpm-singlestep.js";
import { dpm2 } from "./dpm2.js";
import { dpm2Ancestral } from "./dpm2-ancestral.js";
import { euler } from "./euler.js";
import { eulerAncestral } from "./euler-ancestral.js";
import { heun } from "./heun.js";
import { lcm } from "./lcm.js";
import { lms } from "./lms.js";
import { plms } from "./plms.js";
import { pndm } from "./pndm.js";
import { tcd } from "./tcd.js";
import { uniPc } from "./unipc.js";

const known = [
  ddim,
  ddpm,
  plms,
  pndm,
  euler,
  eulerAncestral,
  heun,
  dpm2,
  dpm2Ancestral,
  lms,
  dpmMultistep,
  dpmMultistepSde,
  dpmSde,
  dpmSinglestep,
  deis,
  uniPc,
  lcm,
  tcd,
] as const;

type Known = (typeof known)[number];

/** The name of a sampler. */
export type SamplerName = Known["name"];

/** Every sampler by its name. */
export const samplers = Object.fromEntries(known.map((sampler) => [sampler.name, sampler])) as {
  readonly [N in SamplerName]: Extract<Known, { name: N }>;
};

const byAlias = new Map<string, SamplerName>(
  known.flatMap(({ name, aliases }) => [name, ...aliases].map((alias) => [alias, name] as const)),
);

/**
 * The one name of a sampler from any of its spellings: `"Euler a"`, `"euler_ancestral"`, `"DPM++ 2M"`.
 * @throws ControlNetError `config` for an unknown name, with the nearest known one
 */
export function samplerNameOf(spelling: string): SamplerName {
  const plain = spelling
    .trim()
    .toLowerCase()
    .replace(/[\s_-]+/g, "-")
    .replace(/\+\+-/g, "++");
  const name = byAlias.get(plain);
  if (name) return name;
  const known = Object.keys(samplers);
  throw new ControlNetError(
    "config",
    `sampler: unknown name ${unknownName(spelling, known, byAlias.keys())}`,
  );
}

/**
 * A sampler by name, for names and options that come from a user: `samplerByName("euler")(schedule, { steps: 20 })`.
 * @throws ControlNetError `config` for an unknown name, with the nearest known one
 */
export const samplerByName = (spelling: string): DefinedSampler =>
  samplers[samplerNameOf(spelling)] as unknown as DefinedSampler;
