/**
 * OpenCV's generator (`cv::RNG`): multiply-with-carry on 64 bits of state, here as two words.
 * @param low the lower 32 bits of the seed
 * @param high the upper 32 bits of the seed
 * @returns integers, uniform in [0, limit) up to modulo bias
 */
export function opencvRandom(low = 0xffffffff, high = 0xffffffff): (limit: number) => number {
  const factorLow = 4164903690 & 0xffff;
  const factorHigh = 4164903690 >>> 16;
  let word = low >>> 0;
  let carry = high >>> 0;
  return (limit) => {
    // word * factor + carry in 16-bit limbs: every partial sum stays below 2^53.
    const wordLow = word & 0xffff;
    const wordHigh = word >>> 16;
    const bottom = wordLow * factorLow + (carry & 0xffff);
    const middle = wordHigh * factorLow + wordLow * factorHigh + Math.floor(bottom / 65536) + (carry >>> 16);
    const top = wordHigh * factorHigh + Math.floor(middle / 65536);
    word = (((middle % 65536) << 16) | (bottom & 0xffff)) >>> 0;
    carry = top >>> 0;
    return word % limit;
  };
}
