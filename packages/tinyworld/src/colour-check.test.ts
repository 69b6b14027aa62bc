import { expect, test } from "vitest";
import { captionOf } from "./caption.js";
import { colourCheck, mainColour } from "./colour-check.js";
import { COLOUR_NAMES } from "./colours.js";
import { groundTruthOf } from "./ground-truth.js";
import { render } from "./render.js";
import { HELD_OUT_START, sceneOf } from "./scene-of.js";

const samples = Array.from({ length: 160 }, (_, i) => {
  const scene = sceneOf({ seed: 21, index: HELD_OUT_START + i });
  return { scene, image: render(scene), caption: captionOf(scene), colour: scene.objects[0]!.colour };
});
const share = (fits: (sample: (typeof samples)[number]) => boolean): number =>
  samples.filter(fits).length / samples.length;

test("right captions pass on held-out pictures, without and with a mask", () => {
  expect(share(({ image, caption }) => colourCheck(image, caption).right)).toBeGreaterThan(0.98);
  expect(
    share(
      ({ scene, image, caption }) =>
        colourCheck(image, caption, { mask: groundTruthOf(scene).objectMask }).right,
    ),
  ).toBeGreaterThan(0.98);
  expect(share(({ image, colour }) => mainColour(image).colour === colour)).toBeGreaterThan(0.95);
});

test("wrong captions fail", () => {
  const wrong = share(({ image, caption, colour, scene }) => {
    const other =
      COLOUR_NAMES[(COLOUR_NAMES.indexOf(colour) + 1 + (scene.index % 11)) % COLOUR_NAMES.length]!;
    return colourCheck(image, caption.replace(colour, other)).right;
  });
  expect(wrong).toBeLessThan(0.01);
});

test("a picture without an object is no better than chance", () => {
  const empty = samples.slice(0, 60).map(({ scene, caption }) => {
    const image = render({
      ...scene,
      objects: scene.objects.map((object) => ({ ...object, position: [0, 0, 50] })),
    });
    return colourCheck(image, caption).right;
  });
  expect(empty.filter(Boolean).length / empty.length).toBeLessThan(0.2);
});

test("blur and noise, as a small autoencoder leaves them, do not mislead it", () => {
  const right = share(({ image, caption, scene }) => {
    const { width, height, data } = image;
    const worse = data.map((_, i) => {
      const [x, y, c] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3];
      let sum = 0;
      for (let dy = -1; dy <= 1; dy++)
        for (let dx = -1; dx <= 1; dx++) {
          const near =
            Math.min(height - 1, Math.max(0, y + dy)) * width + Math.min(width - 1, Math.max(0, x + dx));
          sum += data[3 * near + c]!;
        }
      return Math.min(255, Math.max(0, sum / 9 + ((((i * 7919 + scene.index) % 101) - 50) / 50) * 14));
    });
    return colourCheck({ ...image, data: worse }, caption).right;
  });
  expect(right).toBeGreaterThan(0.96);
});

test("a caption without a colour is refused", () => {
  expect(() => colourCheck(samples[0]!.image, "a ball in the snow")).toThrow(/names no colour/);
});
