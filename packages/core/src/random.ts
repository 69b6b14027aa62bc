import { ControlNetError } from "./errors.js";

/**
 * Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
 * 1, 2, 3", 2011). A value depends on (seed, stream, index) alone: never on what was drawn before, on the batch
 * size or on the number of workers.
 */
export interface RandomKey {
  /** Chosen by the user. An integer in [0, 2^53). */
  seed: number;
  /** What the numbers are for, e.g. `"noise"`; different purposes give independent streams. */
  purpose: string;
  /** Which sample, step or picture they belong to. An integer in [0, 2^53). */
  index: number;
}

const multiplyHigh = (a: number, b: number): number => {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  return (aHigh * bHigh + Math.floor((aLow * bHigh + middle) / 65536)) >>> 0;
};

/** One Philox4x32-10 block: writes four 32-bit words for a 128-bit counter and a 64-bit key into `out`. */
export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
  out: Uint32Array,
): void {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0);
    const low0 = Math.imul(0xd2511f53, c0) >>> 0;
    const high1 = multiplyHigh(0xcd9e8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** FNV-1a, 32 bits: turns the name of a purpose into a part of the key. */
function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** An endless stream of 32-bit words for one key. */
export function randomWords(key: RandomKey): () => number {
  const block = new Uint32Array(4);
  const philoxKey = [key.seed >>> 0, (Math.floor(key.seed / 2 ** 32) ^ hashName(key.purpose)) >>> 0] as const;
  let counter = 0;
  let used = 4;
  return () => {
    if (used === 4) {
      philox([counter++, 0, key.index >>> 0, Math.floor(key.index / 2 ** 32)], philoxKey, block);
      used = 0;
    }
    return block[used++]!;
  };
}

/** A stream of numbers, uniform in [0, 1), with 32 random bits each. */
export function randomUniform(key: RandomKey): () => number {
  const words = randomWords(key);
  return () => words() / 2 ** 32;
}

/**
 * An integer stream, uniform in [0, limit), without modulo bias.
 * @param limit an integer from 1 to 2^32
 * @throws ControlNetError `range` for another limit
 */
export function randomIntegers(key: RandomKey, limit: number): () => number {
  if (!Number.isInteger(limit) || limit < 1 || limit > 2 ** 32)
    throw new ControlNetError("range", `randomIntegers: expected a limit of 1 to 2^32, got ${limit}`);
  const words = randomWords(key);
  const bound = Math.floor(2 ** 32 / limit) * limit;
  return () => {
    let word = words();
    while (word >= bound) word = words();
    return word % limit;
  };
}

/** `count` standard normal numbers for one key (Box-Muller). */
export function randomNormals(key: RandomKey, count: number): Float32Array {
  const words = randomWords(key);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log((words() + 1) / 2 ** 32));
    const angle = (2 * Math.PI * words()) / 2 ** 32;
    values[i] = radius * Math.cos(angle);
    if (i + 1 < count) values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}
