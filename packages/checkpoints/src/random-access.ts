/** A file, or bytes in memory, read at given positions. */
export interface RandomAccess {
  /** Bytes in all. */
  readonly size: number;
  /** The bytes from `start` to `end`, which must lie inside. */
  read(start: number, end: number): Uint8Array;
  /** A faster CRC-32 than this package's own, where the platform has one. */
  crc32?(bytes: Uint8Array, initial: number): number;
}

/** Bytes in memory as a {@link RandomAccess}; what it reads are views. */
export const bytesAccess = (bytes: Uint8Array): RandomAccess => ({
  size: bytes.byteLength,
  read: (start, end) => bytes.subarray(start, end),
});
