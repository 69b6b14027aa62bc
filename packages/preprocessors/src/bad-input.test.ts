import { type Image, isControlNetError } from "@controlnet-js/core";
import { expect, test } from "vitest";
import * as library from "./index.js";
import { readImages } from "./testing/read-fixture.js";

const { builtInConditions, canny } = library;
const photograph = readImages("pictures.bin.gz").astronaut!;
const floats = (data: number[]): Image<Float32Array> => ({
  data: Float32Array.from(data),
  width: data.length,
  height: 1,
  channels: 1,
});

/** Every function that takes a picture, called with defaults. */
const takers: Record<string, (image: Image) => unknown> = {
  binary: library.binary,
  canny: library.canny,
  colourDepth: library.colourDepth,
  colourGrid: library.colourGrid,
  crop: (image) => library.crop(image, 0, 0, 1, 1),
  fakeScribble: library.fakeScribble,
  fitImage: (image) => library.fitImage(image, 8, 8, "fill"),
  gaussianBlur: (image) => library.gaussianBlur(image, 1),
  houghLines: library.houghLines,
  houghSegments: library.houghSegments,
  inpaintMap: (image) => library.inpaintMap(image, image),
  lineartStandard: library.lineartStandard,
  overWhite: library.overWhite,
  padToMultiple: (image) => library.padToMultiple(image, 8),
  readLabels: (image) => library.readLabels(image, library.COCO_PALETTE),
  recolour: library.recolour,
  remap: (image) => library.remap(image, new Float32Array(1), new Float32Array(1)),
  resize: (image) => library.resize(image, 8, 8, "bilinear"),
  resizeToResolution: (image) => library.resizeToResolution(image, 64),
  resizeWithPadding: (image) => library.resizeWithPadding(image, 64),
  scribble: library.scribble,
  scribbleXdog: library.scribbleXdog,
  shuffle: library.shuffle,
  tile: library.tile,
  stack: (image) => library.stack([image]),
  tileResample: (image) => library.tileResample(image, 2),
  toGrey: library.toGrey,
  toRgb: library.toRgb,
};

/** What went wrong, as the code of a typed error; "none" or the error itself where it is not one. */
function codeOf(action: () => unknown): unknown {
  try {
    action();
    return "none";
  } catch (error) {
    return isControlNetError(error) ? error.code : error;
  }
}

test.each(Object.entries(takers))("%s refuses what is no picture, before it reads a pixel", (_, take) => {
  const { data } = photograph;
  const pictures: Record<string, Image> = {
    "zero size": { data: new Uint8Array(0), width: 0, height: 0, channels: 3 },
    "negative size": { data, width: -128, height: -128, channels: 3 },
    "a size that is no number": { data, width: Number.NaN, height: 128, channels: 3 },
    "an infinite size": { data, width: Number.POSITIVE_INFINITY, height: 1, channels: 3 },
    "half a pixel": { data, width: 127.5, height: 128, channels: 3 },
    "no channels": { data: new Uint8Array(0), width: 128, height: 128, channels: 0 },
    "too few bytes": { data: data.subarray(1), width: 128, height: 128, channels: 3 },
    "a header of 30,000 x 30,000": { data, width: 30_000, height: 30_000, channels: 3 },
    "floats in [0, 1]": { ...photograph, data: Float32Array.from(data, (value) => value / 255) as never },
    "a list of numbers": { ...photograph, data: [...data] as never },
    "no data": { width: 128, height: 128, channels: 3 } as Image,
    nothing: undefined as never,
  };
  for (const [what, picture] of Object.entries(pictures))
    expect({ what, code: codeOf(() => take(picture)) }).toEqual({
      what,
      code: expect.stringMatching(/^(shape|range)$/),
    });
});

test("options that are not finite or out of range are refused", () => {
  const edges = canny(photograph);
  const people = [{ body: Array(18).fill(null) }];
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    const calls: Record<string, () => unknown> = {
      "canny low": () => canny(photograph, { low: bad }),
      "canny high": () => canny(photograph, { high: bad }),
      "hough rho": () => library.houghLines(edges, { rho: bad }),
      "hough theta": () => library.houghSegments(edges, { theta: bad }),
      "hough threshold": () => library.houghSegments(edges, { threshold: bad }),
      "hough angles": () => library.houghLines(edges, { maxTheta: bad }),
      "hough length": () => library.houghSegments(edges, { minLength: bad }),
      "resize width": () => library.resize(photograph, bad, 8, "area"),
      "resize height": () => library.resize(photograph, 8, bad, "nearest"),
      resizePlane: () => library.resizePlane(floats([1]), bad, 1, "cubic"),
      "blur sigma": () => library.gaussianBlur(photograph, bad),
      "float blur sigma": () => library.gaussianBlurFloat(floats([1]), bad),
      resolution: () => library.resizeToResolution(photograph, bad),
      padding: () => library.padToMultiple(photograph, bad),
      crop: () => library.crop(photograph, bad, 0, 8, 8),
      tile: () => library.tile(photograph, bad),
      "tile resample": () => library.tileResample(photograph, bad),
      "colour grid": () => library.colourGrid(photograph, bad),
      "shuffle cell": () => library.shuffle(photograph, { cell: bad }),
      "xdog threshold": () => library.scribbleXdog(photograph, bad),
      "ink threshold": () => library.scribble(photograph, bad),
      "line art sigma": () => library.lineartStandard(photograph, { sigma: bad }),
      "line art threshold": () => library.lineartStandard(photograph, { threshold: bad }),
      gamma: () => library.recolour(photograph, { gamma: bad }),
      depth: () => library.depthMap(floats([1, bad])),
      normal: () => library.normalFromDepth(floats([1, bad])),
      "normal threshold": () => library.normalFromDepth(floats([1, 2]), { backgroundThreshold: bad }),
      "soft edges": () => library.softEdges(floats([0.5, bad])),
      canvas: () => library.drawPoses({ width: bad, height: 8, people }),
    };
    const codes = Object.entries(calls).map(([what, call]) => [what, codeOf(call)]);
    expect({ bad, accepted: codes.filter(([, code]) => !/^(shape|range|data)$/.test(String(code))) }).toEqual(
      {
        bad,
        accepted: [],
      },
    );
  }
});

test("what no memory holds is refused before it is made", () => {
  const huge = { width: 1e9, height: 1e9 };
  expect(() => library.drawPoses({ ...huge, people: [] })).toThrow(/1000000000x1000000000 is over the limit/);
  expect(() => library.drawSegments([], huge.width, huge.height)).toThrow(/over the limit/);
  const edges = canny(photograph);
  expect(() => library.houghLines(edges, { theta: 1e-9 })).toThrow(/houghLines: .*take larger steps/);
  expect(() => library.houghSegments(edges, { rho: 1e-9 })).toThrow(/houghSegments: .*take larger steps/);
  expect(() => library.blankImage(30_000, 30_000, 3)).toThrow(/30000x30000 is over the limit/);
  expect(() => library.blankImage(0, 8, 3)).toThrow(/at least 1, got 0x8/);
});

test("canny takes thresholds in either order, and thresholds that nothing or everything meets", () => {
  expect(canny(photograph, { low: 200, high: 100 }).data).toEqual(canny(photograph).data);
  expect(canny(photograph, { low: 1e300, high: 1e300 }).data.every((value) => value === 0)).toBe(true);
  expect(canny(photograph, { low: -1e300, high: -1e300 }).data.some((value) => value === 255)).toBe(true);
});

test("conditions refuse thresholds out of their bounds, of another type and misspelt", async () => {
  const wrong: [keyof typeof builtInConditions, object, RegExp][] = [
    ["canny", { low: -1 }, /low/],
    ["canny", { high: 65536 }, /high/],
    ["canny", { low: Number.NaN }, /low/],
    ["canny", { low: "100" }, /low/],
    ["canny", { hihg: 100 }, /did you mean "high"/],
    ["hough", { threshold: 0 }, /threshold/],
    ["hough", { maxGap: Number.POSITIVE_INFINITY }, /maxGap/],
    ["lineart", { sigma: 0 }, /sigma/],
    ["scribble", { threshold: 256 }, /threshold/],
    ["tile", { factor: 0.5 }, /factor/],
    ["shuffle", { cell: 1 }, /cell/],
    ["colour", { block: 1.5 }, /block/],
  ];
  for (const [name, options, message] of wrong)
    await expect(builtInConditions[name].detect(photograph, options as never)).rejects.toThrow(message);
});

test("a picture of another number of channels than a function takes is refused", () => {
  const two = { data: new Uint8Array(128 * 128 * 2), width: 128, height: 128, channels: 2 };
  for (const name of [
    "canny",
    "houghLines",
    "houghSegments",
    "overWhite",
    "toGrey",
    "toRgb",
    "inpaintMap",
  ] as const)
    expect({ name, code: codeOf(() => takers[name]!(two)) }).toEqual({ name, code: "shape" });
});

test("bytes of a canvas and of another realm are bytes", async () => {
  const { runInNewContext } = await import("node:vm");
  const edges = canny(photograph).data;
  const clamped = Uint8ClampedArray.from(photograph.data) as never;
  expect(canny({ ...photograph, data: clamped }).data).toEqual(edges);
  const foreign = runInNewContext("Uint8Array.from(data)", { data: photograph.data });
  expect(foreign instanceof Uint8Array).toBe(false);
  expect(canny({ ...photograph, data: foreign }).data).toEqual(edges);
});

test("planes of floats of another layout, and sizes that are none, are refused", () => {
  const short = { ...floats([1, 2, 3]), width: 4 };
  const bytes = { ...photograph, channels: 3 } as never;
  const calls: Record<string, () => unknown> = {
    "blur, too few": () => library.gaussianBlurFloat(short, 1),
    "blur, bytes": () => library.gaussianBlurFloat(bytes, 1),
    "plane, too few": () => library.resizePlane(short, 8, 8, "cubic"),
    "plane, bytes": () => library.resizePlane(bytes, 8, 8, "cubic"),
    "depth, bytes": () => library.depthMap(bytes),
    "soft edges, too few": () => library.softEdges(short),
    "no channels": () => library.blankImage(8, 8, -1),
    "size at resolution": () => library.sizeAtResolution({ width: 0, height: 8 }, 64),
    "noise, size": () => library.smoothNoise(-1, 8, 8, () => 0),
    "noise, cell": () => library.smoothNoise(8, 8, 0, () => 0),
    "positions, too few": () => library.remap(photograph, new Float32Array(9), new Float32Array(9)),
    "a segment to nowhere": () =>
      library.drawSegments([{ x1: 0, y1: 0, x2: Number.NaN, y2: Number.POSITIVE_INFINITY }], 8, 8),
    "an empty palette": () => library.readLabels(photograph, []),
    "a person without a body": () => library.drawPoses({ width: 8, height: 8, people: [{} as never] }),
  };
  const codes = Object.entries(calls).map(([what, call]) => [what, codeOf(call)]);
  expect(codes.filter(([, code]) => code !== "shape" && code !== "range")).toEqual([]);
});

test("a misspelt choice is refused, naming the nearest, where it would silently give another map", () => {
  const typo = (text: string) => text as never;
  const depth = floats([1, 2]);
  const scene = { width: 8, height: 8, people: [] };
  const calls: [() => unknown, RegExp][] = [
    [() => library.fitImage(photograph, 8, 8, typo("fil")), /fitImage: mode "fil" .* "fill"/],
    [() => library.resize(photograph, 8, 8, typo("lanczos")), /resize: method "lanczos" .* "lanczos4"/],
    [() => library.resizePlane(depth, 8, 8, typo("area")), /resizePlane: method "area"/],
    [() => library.recolour(photograph, { of: typo("Luminance") }), /recolour: of .* "luminance"/],
    [() => library.normalFromDepth(depth, { form: typo("1.2") }), /normalFromDepth: form "1.2"/],
    [() => library.normalFromDepth(depth, { channelOrder: typo("bgr") }), /channelOrder "bgr"/],
    [() => library.drawPoses(scene, { version: typo("1") }), /drawPoses: version "1"/],
    [() => library.toOpenPose([], typo("coco17")), /skeleton "coco17" .* "coco-17"/],
  ];
  for (const [call, message] of calls) {
    expect(call).toThrow(message);
    expect(codeOf(call)).toBe("range");
  }
});
