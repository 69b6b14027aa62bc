const lanes = 8;
let tables: Uint32Array[] | undefined;

/** `tables[k][b]`: the remainder of byte b followed by k zero bytes, so that eight bytes are taken at a time. */
function remainders(): Uint32Array[] {
  if (tables) return tables;
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value;
  });
  tables = [first];
  for (let lane = 1; lane < lanes; lane++)
    tables.push(tables[lane - 1]!.map((value) => (value >>> 8) ^ first[value & 255]!));
  return tables;
}

/**
 * The CRC-32 of zip and PNG files.
 * @param initial the CRC of what came before, to continue it
 */
export function crc32(bytes: Uint8Array, initial = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = remainders() as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  let crc = ~initial;
  let i = 0;
  for (; i + lanes <= bytes.length; i += lanes) {
    const low = crc ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    crc =
      t7[low & 255]! ^
      t6[(low >>> 8) & 255]! ^
      t5[(low >>> 16) & 255]! ^
      t4[low >>> 24]! ^
      t3[bytes[i + 4]!]! ^
      t2[bytes[i + 5]!]! ^
      t1[bytes[i + 6]!]! ^
      t0[bytes[i + 7]!]!;
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[i]!) & 255]!;
  return ~crc >>> 0;
}
