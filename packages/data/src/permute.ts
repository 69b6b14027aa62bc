import { ControlNetError, philox } from "@controlnet-js/core";

const rounds = 8;
const block = new Uint32Array(4);

/** Sets the keys of shuffling and splitting apart, so that equal seeds give unrelated orders. */
const purposes = { shuffle: 0x51ff1e, split: 0x5b117 } as const;

const checkInteger = (name: string, value: number, limit: number): void => {
  if (!Number.isInteger(value) || value < 0 || value >= limit)
    throw new ControlNetError(
      "range",
      `permute: expected ${name} to be an integer in [0, ${limit}), got ${value}`,
    );
};

/**
 * Where `index` stands in the shuffled order of `[0, size)`: a bijection for each (seed, epoch), computed in constant
 * memory. A balanced Feistel network whose round function is Philox, walked along its cycle until it lands inside
 * (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002).
 * @param index integer in [0, size)
 * @param size integer in [1, 2^48]
 * @param seed integer in [0, 2^53)
 * @param epoch integer in [0, 2^53)
 * @throws ControlNetError `range`
 */
export function permute(index: number, size: number, seed: number, epoch: number): number {
  return permuteFor("shuffle", index, size, seed, epoch);
}

/** {@link permute} with a key of its own for each purpose. */
export function permuteFor(
  purpose: keyof typeof purposes,
  index: number,
  size: number,
  seed: number,
  epoch: number,
): number {
  checkInteger("size", size - 1, 2 ** 48);
  checkInteger("index", index, size);
  checkInteger("seed", seed, 2 ** 53);
  checkInteger("epoch", epoch, 2 ** 53);
  if (size === 1) return 0;
  // At least 3 bits a half: tinier networks reach too few orders.
  const halfBits = Math.max(3, Math.ceil(Math.ceil(Math.log2(size)) / 2));
  const half = 2 ** halfBits;
  const key = [seed >>> 0, (Math.floor(seed / 2 ** 32) ^ purposes[purpose]) >>> 0] as const;
  let value = index;
  do {
    let left = Math.floor(value / half);
    let right = value % half;
    for (let round = 0; round < rounds; round++) {
      philox([right, round, epoch >>> 0, Math.floor(epoch / 2 ** 32)], key, block);
      const mixed = left ^ (block[0]! & (half - 1));
      left = right;
      right = mixed;
    }
    value = left * half + right;
  } while (value >= size);
  return value;
}
