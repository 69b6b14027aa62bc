import { isControlNetError } from "@controlnet-js/core";
import { expect, test } from "vitest";
import { captionOf, colourInCaption, settingInCaption, vocabulary } from "./caption.js";
import { COLOUR_NAMES } from "./colours.js";
import { OBJECT_KINDS } from "./objects/kinds.js";
import { sceneOf } from "./scene-of.js";
import { SETTING_NAMES } from "./settings.js";

const scenes = Array.from({ length: 1500 }, (_, index) => sceneOf({ seed: 3, index }));

test("a scene depends on seed and index alone", () => {
  const late = sceneOf({ seed: 3, index: 1234 });
  expect(late).toEqual(scenes[1234]);
  expect(sceneOf({ seed: 4, index: 1234 })).not.toEqual(late);
});

test("a scene is plain data", () => {
  expect(JSON.parse(JSON.stringify(scenes[7]))).toEqual(scenes[7]);
});

test("every kind, colour and setting comes up", () => {
  expect(OBJECT_KINDS.length).toBeGreaterThanOrEqual(12);
  expect(new Set(scenes.map((scene) => scene.objects[0]!.kind))).toEqual(new Set(OBJECT_KINDS));
  expect(new Set(scenes.map((scene) => scene.objects[0]!.colour))).toEqual(new Set(COLOUR_NAMES));
  expect(new Set(scenes.map((scene) => scene.setting))).toEqual(new Set(SETTING_NAMES));
});

test("captions use a small closed vocabulary, and name the main object first", () => {
  const words = vocabulary();
  expect(words.length).toBeLessThan(120);
  for (const scene of scenes) {
    const caption = captionOf(scene);
    const [main, second] = scene.objects;
    for (const word of caption.split(/,? /)) expect(words).toContain(word);
    expect(colourInCaption(caption)).toBe(main!.colour);
    expect(settingInCaption(caption)).toBe(scene.setting);
    expect(caption).toContain(main!.kind);
    if (second) expect(caption).toMatch(new RegExp(`small ${second.colour} ${second.kind} .*${scene.side}`));
  }
});

test("a second object stands on the side that the caption says", () => {
  const pairs = scenes.filter((scene) => scene.side);
  expect(pairs.length).toBeGreaterThan(200);
  for (const { side, objects } of pairs)
    expect(Math.sign(objects[1]!.position[0])).toBe(side === "left" ? -1 : 1);
});

test("a bad index is refused", () => {
  for (const index of [-1, 0.5, 2 ** 60])
    expect(() => sceneOf({ seed: 1, index })).toThrow(/expected index to be an integer/);
  try {
    sceneOf({ seed: Number.NaN, index: 0 });
  } catch (error) {
    expect(isControlNetError(error) && error.code).toBe("range");
  }
});
