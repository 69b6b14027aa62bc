import { expect, test } from "vitest";
import { render } from "./render.js";
import { renderBatch } from "./render-batch.js";
import { sceneOf } from "./scene-of.js";

/** Mean of each 64x64 quarter of the first pictures of seed 1, red channel: what the shipped weights were trained on. */
const TRAINED_ON = [
  [162.6, 192.4, 149.3, 160.1],
  [74.8, 53.7, 83.7, 81.2],
  [154.1, 176.4, 176.8, 199.1],
  [206, 205.5, 228.3, 225.6],
  [207.9, 220.5, 203.6, 168.6],
  [103.7, 92.5, 84.4, 69.9],
  [195.7, 199.1, 164.7, 164.3],
  [185.4, 201, 194.4, 199.6],
  [164.7, 185.2, 200.4, 210],
  [191.8, 190.9, 190.2, 201.5],
  [207, 193.4, 163.1, 170.4],
  [193.8, 164.7, 167.7, 172.7],
];

const quarters = (data: Uint8Array): number[] =>
  [0, 64].flatMap((top) =>
    [0, 64].map((left) => {
      let sum = 0;
      for (let y = top; y < top + 64; y++)
        for (let x = left; x < left + 64; x++) sum += data[3 * (y * 128 + x)]!;
      return Math.round(sum / 409.6) / 10;
    }),
  );

test("the same scene gives the same bytes", () => {
  const scene = sceneOf({ seed: 2, index: 40 });
  expect(Buffer.compare(render(scene).data, render(sceneOf({ seed: 2, index: 40 })).data)).toBe(0);
});

test("a batch does not depend on where it starts", () => {
  const whole = renderBatch(2, 10, 6);
  const tail = renderBatch(2, 13, 3);
  expect(Buffer.compare(tail.images, whole.images.subarray(3 * 128 * 128 * 3))).toBe(0);
  expect(tail.captions).toEqual(whole.captions.slice(3));
});

test("the pictures are those that the shipped weights were trained on", () => {
  TRAINED_ON.forEach((means, index) => {
    quarters(render(sceneOf({ seed: 1, index })).data).forEach((mean, i) => {
      expect(Math.abs(mean - means[i]!)).toBeLessThan(0.15);
    });
  });
});

test("edges are smooth", () => {
  // A white ball in a dark place: pixels between both must have mixed colours.
  let index = 0;
  let scene = sceneOf({ seed: 2, index });
  while (scene.objects[0]!.kind !== "ball" || scene.setting !== "street")
    scene = sceneOf({ seed: 2, index: ++index });
  const { data } = render(scene, { width: 64, height: 64 });
  const large = render(scene, { width: 256, height: 256 }).data;
  // The small picture is close to the mean of the large one's 4x4 blocks.
  let error = 0;
  for (let y = 0; y < 64; y++)
    for (let x = 0; x < 64; x++)
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let i = 0; i < 16; i++) sum += large[3 * ((4 * y + (i >> 2)) * 256 + 4 * x + (i & 3)) + c]!;
        error += Math.abs(sum / 16 - data[3 * (y * 64 + x) + c]!);
      }
  expect(error / data.length).toBeLessThan(1);
});

test("a bad size is refused", () => {
  expect(() => render(sceneOf({ seed: 1, index: 0 }), { width: 0 })).toThrow(/expected width and height/);
});
