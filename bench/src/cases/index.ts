import type { Case } from "../case.js";
import { load } from "./load.js";
import { ops } from "./ops.js";
import { stableDiffusion } from "./stable-diffusion.js";
import { tinyworld } from "./tinyworld.js";
import { toy } from "./toy.js";

/** Everything that `npm run bench` measures, the quick ones first. */
export const cases: readonly Case[] = [...ops, toy, ...tinyworld, load, ...stableDiffusion];
