/** The bit patterns of the float32 numbers that equal each of the 65536 half-precision numbers. */
let halfTable: Uint32Array | undefined;

function table(): Uint32Array {
  if (halfTable) return halfTable;
  const bits = new Uint32Array(65536);
  for (let half = 0; half < 65536; half++) {
    const sign = (half & 0x8000) << 16;
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    if (exponent === 31) bits[half] = sign | 0x7f800000 | (fraction << 13);
    else if (exponent !== 0) bits[half] = sign | ((exponent + 112) << 23) | (fraction << 13);
    else if (fraction === 0) bits[half] = sign;
    else {
      const shift = Math.clz32(fraction) - 21;
      bits[half] = sign | ((113 - shift) << 23) | (((fraction << shift) & 1023) << 13);
    }
  }
  halfTable = bits;
  return bits;
}

/** Float32 numbers equal to the given half-precision (IEEE binary16) bit patterns. */
export function decodeHalf(halves: Uint16Array): Float32Array {
  const bits = table();
  const out = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) out[i] = bits[halves[i]!]!;
  return new Float32Array(out.buffer);
}

/** Float32 numbers equal to the given bfloat16 bit patterns. */
export function decodeBfloat(values: Uint16Array): Float32Array {
  const out = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) out[i] = values[i]! << 16;
  return new Float32Array(out.buffer);
}

/** Half-precision bit patterns of `values`, rounded to nearest, ties to even; past 65504 to infinity. */
export function encodeHalf(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!;
    const sign = (word >>> 16) & 0x8000;
    const magnitude = word & 0x7fffffff;
    // Adding half a unit in the last place, less one where that place is even, and letting the carry run.
    if (magnitude >= 0x7f800000) {
      const payload = (magnitude >>> 13) & 1023;
      out[i] = sign | 0x7c00 | (magnitude > 0x7f800000 ? payload || 0x200 : 0);
    } else if (magnitude >= 0x477ff000) out[i] = sign | 0x7c00;
    else if (magnitude >= 0x38800000)
      out[i] = sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
    else if (magnitude <= 0x33000000) out[i] = sign;
    else {
      const shift = 126 - (magnitude >>> 23);
      const fraction = (magnitude & 0x7fffff) | 0x800000;
      const kept = fraction >>> shift;
      const rest = fraction & ((1 << shift) - 1);
      const tie = 1 << (shift - 1);
      out[i] = sign | (kept + (rest > tie || (rest === tie && (kept & 1) === 1) ? 1 : 0));
    }
  }
  return out;
}

/** Bfloat16 bit patterns of `values`, rounded to nearest, ties to even. */
export function encodeBfloat(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!;
    if ((word & 0x7fffffff) > 0x7f800000) {
      const top = word >>> 16;
      out[i] = top & 0x7f ? top : top | 0x40;
    } else out[i] = (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return out;
}
