/** Words of the twister's state, and how far apart those are that are mixed. */
const WORDS = 624;
const APART = 397;

/**
 * NumPy's generator as `np.random.seed(seed)` starts it: the Mersenne Twister (Matsumoto and Nishimura, 1998, MT19937), 53
 * bits of it a number.
 * @param seed an integer in [0, 2^32)
 * @returns what `np.random.uniform()` gives, one number after another, in [0, 1)
 */
export function numpyRandom(seed: number): () => number {
  const state = new Uint32Array(WORDS);
  state[0] = seed;
  for (let i = 1; i < WORDS; i++)
    state[i] = Math.imul(1812433253, state[i - 1]! ^ (state[i - 1]! >>> 30)) + i;
  let used = WORDS;
  const word = (): number => {
    if (used === WORDS) {
      twist(state);
      used = 0;
    }
    let value = state[used++]!;
    value ^= value >>> 11;
    value ^= (value << 7) & 0x9d2c5680;
    value ^= (value << 15) & 0xefc60000;
    return (value ^ (value >>> 18)) >>> 0;
  };
  return () => {
    const high = word() >>> 5;
    return (high * 2 ** 26 + (word() >>> 6)) / 2 ** 53;
  };
}

/** The next words of the state. */
function twist(state: Uint32Array): void {
  for (let i = 0; i < WORDS; i++) {
    const mixed = (state[i]! & 0x80000000) | (state[(i + 1) % WORDS]! & 0x7fffffff);
    state[i] = state[(i + APART) % WORDS]! ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
  }
}
