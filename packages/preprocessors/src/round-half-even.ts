/** Adding it to a double leaves no room for a fraction: the sum is rounded to even by the arithmetic itself. */
const ROUNDER = 1.5 * 2 ** 52;

/**
 * Rounds to the nearest integer, ties to even, as NumPy's `round` and OpenCV's `cvRound` do.
 * @param value below 2^51 in size
 */
export function roundHalfEven(value: number): number {
  return value + ROUNDER - ROUNDER;
}
