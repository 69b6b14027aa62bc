import { type ByteImage, hedCondition, lineartCondition, mlsdCondition } from "@controlnet-js/preprocessors";
import { expectNoTensorLeak } from "@controlnet-js/vitest-preset/tensors";
import { beforeAll, expect, test } from "vitest";
import { hedNetwork } from "./hed/hed-network.js";
import { lineartNetwork } from "./lineart/lineart-network.js";
import { decodeSegments } from "./mlsd/decode-segments.js";
import { mlsdNetwork } from "./mlsd/mlsd-network.js";
import { madeWeights } from "./testing/made-weights.js";
import { asImage, readFixture } from "./testing/read-fixture.js";
import { useWasm } from "./testing/use-wasm.js";

beforeAll(useWasm);

const fixture = readFixture("networks.bin.gz");
const resolution = 64;
const picture = asImage(fixture["hed.in"]!);

/** Bytes that differ by one where a float lies on the border of two levels are the same map. */
function expectSameMap(map: ByteImage, key: string): void {
  const { data } = fixture[key]!;
  expect(map.data.length).toBe(data.length);
  let largest = 0;
  let unequal = 0;
  for (let i = 0; i < data.length; i++) {
    largest = Math.max(largest, Math.abs(map.data[i]! - data[i]!));
    if (map.data[i] !== data[i]) unequal++;
  }
  expect(unequal).toBeLessThanOrEqual(0.002 * data.length);
  expect(largest).toBeLessThanOrEqual(1);
}

test("HED's map is that of controlnet_aux", async () => {
  const network = hedNetwork(madeWeights("hed"), { resolution });
  const condition = hedCondition.withNetwork(network);
  await expectNoTensorLeak(async () => {
    expectSameMap(await condition.detect(picture), "hed.map");
  });
  const safe = await condition.detect(picture, { safe: true });
  const { data } = fixture["hed.safe"]!;
  // Three steps only: a float on the border of two steps is off by a whole one.
  expect(safe.data.filter((value, i) => value !== data[i]).length).toBeLessThanOrEqual(3 * 3);
  network.dispose();
});

test("the line art map is that of controlnet_aux", async () => {
  const network = lineartNetwork(madeWeights("lineart"), { resolution });
  await expectNoTensorLeak(async () => {
    expectSameMap(await lineartCondition.withNetwork(network).detect(picture), "lineart.map");
  });
  network.dispose();
});

test("M-LSD's segments are those of its map, in the picture's own pixels", async () => {
  const { data, shape } = fixture["mlsd.out"]!;
  const [height, width, channels] = shape as [number, number, number];
  const thresholds = { value: 0.1, distance: 0.1 };
  const expected = decodeSegments({ data: Float32Array.from(data), width, height, channels }, thresholds);
  expect(expected.length).toBeGreaterThan(0);
  const network = mlsdNetwork(madeWeights("mlsd"), { resolution });
  const { findings } = await mlsdCondition.withNetwork(network).examine(asImage(fixture["mlsd.in"]!));
  const segments = findings.segments as typeof expected;
  expect(segments).toHaveLength(expected.length);
  for (const [i, segment] of segments.entries())
    for (const key of ["x1", "y1", "x2", "y2"] as const)
      expect(segment[key]).toBeCloseTo(expected[i]![key], 2);
  network.dispose();
});

test("a picture of any size gets a map of its size", async () => {
  const network = lineartNetwork(madeWeights("lineart"), { resolution: "picture" });
  const odd: ByteImage = { data: new Uint8Array(45 * 31 * 3).fill(90), width: 45, height: 31, channels: 3 };
  expect(await lineartCondition.withNetwork(network).detect(odd)).toMatchObject({ width: 45, height: 31 });
  network.dispose();
  expect(() => lineartNetwork(madeWeights("lineart"), { resolution: 20 })).toThrow(/64 to 4096 pixels/);
});
