import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expectNoTensorLeak } from "@controlnet-js/vitest-preset/tensors";
import { beforeAll, describe, expect, test } from "vitest";
import { loadWeights } from "./load-weights.js";
import { registerTensorFlow } from "./register-tensorflow.js";

beforeAll(async () => {
  await registerTensorFlow();
});

const folder = mkdtempSync(join(tmpdir(), "weights-"));
const fileOf = (values: Float32Array | Uint16Array, skipped: number): string => {
  const path = join(folder, `${values.constructor.name}-${values.length}-${skipped}`);
  const bytes = new Uint8Array(skipped + values.byteLength);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), skipped);
  writeFileSync(path, bytes);
  return path;
};
const bytesOf = ({ buffer, byteOffset, byteLength }: NodeJS.TypedArray) =>
  Buffer.from(buffer, byteOffset, byteLength);
const numbers = (count: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.fround(Math.sin(i) * 3));

/** [output, input, area] to [area, input, output]. */
const reversed = (values: ArrayLike<number>, [output, input, area]: readonly [number, number, number]) => {
  const result = new Float32Array(values.length);
  for (let o = 0; o < output; o++)
    for (let i = 0; i < input; i++)
      for (let a = 0; a < area; a++)
        result[(a * input + i) * output + o] = values[(o * input + i) * area + a]!;
  return result;
};

describe("loadWeights", () => {
  test.each([
    [
      [7, 5, 9],
      [3, 3, 5, 7],
    ],
    [
      [130, 67, 1],
      [67, 130],
    ],
    [
      [300, 257, 9],
      [3, 3, 257, 300],
    ],
    [[1, 1, 300_001], [300_001]],
    [[1, 1, 0], [0]],
  ] as const)("turns float32 stored as %j", async (order, shape) => {
    const values = numbers(order[0] * order[1] * order[2]);
    const path = fileOf(values, 12);
    await expectNoTensorLeak(() => {
      const { tensor, finite } = loadWeights({ path, byteOffset: 12, dtype: "F32", order }, shape);
      expect(tensor.shape).toEqual(shape);
      expect(finite).toBe(true);
      expect(bytesOf(tensor.dataSync()).equals(bytesOf(reversed(values, order)))).toBe(true);
      tensor.dispose();
    });
  });

  test("widens every float16 as IEEE 754 has it", () => {
    const bits = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
    const path = fileOf(bits, 0);
    const order = [1, 1, bits.length] as const;
    const { tensor, finite } = loadWeights({ path, byteOffset: 0, dtype: "F16", order }, [bits.length]);
    const expected = Float32Array.from(bits, (half) => {
      const [sign, exponent, fraction] = [half & 0x8000 ? -1 : 1, (half >> 10) & 31, half & 1023];
      if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
      return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
    });
    expect(tensor.dataSync()).toEqual(expected);
    expect(finite).toBe(false);
    tensor.dispose();
  });

  test("widens bfloat16 and turns it", () => {
    const bits = Uint16Array.from(
      numbers(6 * 4 * 9),
      (value) => new Uint32Array(Float32Array.of(value).buffer)[0]! >> 16,
    );
    const order = [6, 4, 9] as const;
    const { tensor } = loadWeights(
      { path: fileOf(bits, 0), byteOffset: 0, dtype: "BF16", order },
      [3, 3, 4, 6],
    );
    const wide = Float32Array.from(bits, (half) => new Float32Array(Uint32Array.of(half << 16).buffer)[0]!);
    expect(tensor.dataSync()).toEqual(reversed(wide, order));
    tensor.dispose();
  });

  test("says where a file is missing or ends too soon, and leaks nothing", async () => {
    const path = fileOf(numbers(10), 0);
    await expectNoTensorLeak(() => {
      const load = (file: string, byteOffset: number) =>
        loadWeights({ path: file, byteOffset, dtype: "F32", order: [5, 2, 1] }, [2, 5]);
      expect(() => load(path, 4)).toThrow(/the file ends inside the tensor/);
      expect(() => load(join(folder, "none"), 0)).toThrow(/No such file/);
    });
  });
});
