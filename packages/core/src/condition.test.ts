import { describe, expect, test } from "vitest";
import * as z from "zod";
import { type ConditionSpec, defineCondition, type Image } from "./condition.js";
import { isControlNetError } from "./errors.js";
import { parseOptions } from "./options.js";

const options = z.object({ low: z.number().min(1).max(255).default(100), high: z.number().default(200) });
const image = { data: new Uint8Array(2 * 3 * 3), width: 3, height: 2, channels: 3 };
const blank = ({ width, height }: Image): Image => ({
  data: new Uint8Array(width * height),
  width,
  height,
  channels: 1,
});

const spec: ConditionSpec<typeof options> = {
  name: "edges",
  description: "Edges of a picture.",
  channels: 1,
  range: [0, 1],
  polarity: "white-on-black",
  channelOrder: "none",
  resize: "nearest",
  blankIsError: true,
  options,
  prepare: blank,
};

const codeOf = (body: () => unknown): string | undefined => {
  try {
    body();
  } catch (error) {
    return isControlNetError(error) ? error.code : "not ours";
  }
  return undefined;
};

describe("defineCondition", () => {
  test("completes options before it prepares a map", async () => {
    const seen: unknown[] = [];
    const condition = defineCondition({
      ...spec,
      prepare: (picture, given) => {
        seen.push(given);
        return blank(picture);
      },
    });
    const map = await condition.detect(image, { low: 50 });
    expect(map).toMatchObject({ width: 3, height: 2, channels: 1 });
    await condition.detect(image);
    expect(seen).toEqual([
      { low: 50, high: 200 },
      { low: 100, high: 200 },
    ]);
  });

  test("tells a checkpoint what it was trained with", () => {
    expect(defineCondition(spec).metadata({ high: 150 })).toEqual({
      condition: "edges",
      channels: 1,
      range: [0, 1],
      options: { low: 100, high: 150 },
    });
  });

  test("refuses a name that is not kebab-case and channels that are no count", () => {
    for (const name of ["Edges", "my edges", "", "1st"]) {
      expect(() => defineCondition({ ...spec, name })).toThrow(`expected a kebab-case name, got "${name}"`);
      expect(codeOf(() => defineCondition({ ...spec, name }))).toBe("config");
    }
    for (const channels of [0, -1, 1.5, Number.NaN])
      expect(() => defineCondition({ ...spec, channels })).toThrow(
        `"edges" needs channels >= 1, got ${channels}`,
      );
  });

  test("refuses a map of another size than the image", async () => {
    const condition = defineCondition({ ...spec, prepare: (picture) => blank({ ...picture, width: 9 }) });
    await expect(condition.detect(image)).rejects.toThrow(
      'condition "edges": expected a map of 3x2x1, got 9x2x1',
    );
  });

  test("refuses what is no map of bytes, with what a map is", async () => {
    const detect = (prepared: unknown) =>
      defineCondition({ ...spec, prepare: () => prepared as Image }).detect(image);
    const size = { width: 3, height: 2, channels: 1 };
    for (const [prepared, got] of [
      [undefined, "undefined"],
      ["edges", "undefined"],
      [{ ...size, data: new Float32Array(6) }, "Float32Array"],
      [{ ...size, data: [0, 0, 0, 0, 0, 0] }, "Array"],
      [{ map: { ...size }, findings: {} }, "undefined"],
    ] as const)
      await expect(detect(prepared)).rejects.toMatchObject({
        code: "shape",
        message: expect.stringMatching(`"edges": expected prepare to return a map .* its data is ${got}$`),
      });
    await expect(detect({ ...size, data: new Uint8Array(5) })).rejects.toThrow("needs 6 bytes, got 5");
  });

  test("refuses unknown and impossible options", async () => {
    const condition = defineCondition(spec);
    await expect(condition.detect(image, { hihg: 3 } as never)).rejects.toThrow(
      'condition "edges": unknown key "hihg", did you mean "high"? (known: low, high)',
    );
    await expect(condition.detect(image, { low: 0 })).rejects.toThrow(
      'condition "edges": low: expected number to be >=1, got 0',
    );
    await expect(condition.detect(image, { low: "soft" } as never)).rejects.toThrow(
      'condition "edges": low: expected number, got "soft"',
    );
    const aperture = z.union([z.literal(3), z.literal(5)]).default(3);
    const nested = z.object({ sides: z.array(z.enum(["left", "right"])) });
    const chosen = z.object({ aperture, nested });
    const given = { aperture: 4, nested: { sides: ["left", "top"] } };
    expect(() => parseOptions("options", chosen, given)).toThrow(
      'options: aperture: expected one of 3, 5, got 4; nested.sides.1: expected one of "left"|"right", got "top"',
    );
  });
});

test("a definition without anything but name, channels, options and prepare has all the rest", async () => {
  const condition = defineCondition({ name: "plain", channels: 1, options: z.object({}), prepare: blank });
  expect(condition).toMatchObject({
    description: "",
    range: [0, 1],
    polarity: "none",
    channelOrder: "none",
    resize: "area",
    blankIsError: false,
    compare: "none",
    alpha: false,
  });
  expect(condition.metadata()).toEqual({ condition: "plain", channels: 1, range: [0, 1], options: {} });
  expect(condition.canDetect()).toBe(true);
  expect(await condition.detect(image)).toMatchObject({ channels: 1 });
  expect(() => condition.withNetwork(undefined as never)).toThrow('condition "plain" takes no network');
});

describe("the network of a condition", () => {
  const level = z.object({
    method: z.enum(["filter", "network"]).default("filter").describe("How it is found"),
  });
  const filled = defineCondition({
    name: "filled",
    channels: 1,
    options: level,
    network: {
      parts: { main: "what says how bright, level.json" },
      open: () => async () => 7,
      needed: ({ method }) => method === "network",
      defaults: { method: "network" },
    },
    async prepare(picture, { method }, network) {
      const map = blank(picture);
      map.data.fill(method === "network" ? await network() : 1);
      return map;
    },
  });

  test("is wanted by name where it is needed, and not where it isn't", async () => {
    expect((await filled.detect(image)).data[0]).toBe(1);
    expect([filled.canDetect(), filled.canDetect({ method: "network" })]).toEqual([true, false]);
    await expect(filled.detect(image, { method: "network" })).rejects.toMatchObject({
      code: "missing",
      message: expect.stringMatching(/"filled".* needs a network \(what says how bright, level\.json\)/),
    });
  });

  test("is what prepare gets, with its own defaults; the condition without it stays as it was", async () => {
    const given = filled.withNetwork(async () => 9);
    expect((await given.detect(image)).data[0]).toBe(9);
    expect((await given.detect(image, { method: "filter" })).data[0]).toBe(1);
    expect(given.metadata()).toEqual({ ...filled.metadata(), options: { method: "network" } });
    expect(given.options.shape.method.description).toBe("How it is found");
    expect(given.canDetect()).toBe(true);
    expect((await filled.detect(image)).data[0]).toBe(1);
    expect(() => given.withNetwork(async () => 3)).toThrow("takes no network, or has got one before");
  });

  test("can't set the default of an option that there isn't", () => {
    const network = { parts: { main: "x" }, open: "x", defaults: { mehtod: "network" } };
    const define = () =>
      defineCondition({
        name: "odd",
        channels: 1,
        options: level,
        network: network as never,
        prepare: blank,
      });
    expect(define).toThrow(
      'network.defaults names "mehtod", which is no option with a default (options: method)',
    );
    expect(codeOf(define)).toBe("config");
  });
});

describe("parseOptions", () => {
  test("names the nearest known key, and only the known ones where none is near", () => {
    expect(() => parseOptions("train", options, { hgih: 1 })).toThrow(
      'train: unknown key "hgih", did you mean "high"?',
    );
    expect(() => parseOptions("train", options, { temperature: 1 })).toThrow(
      'train: unknown key "temperature" (known: low, high)',
    );
    expect(codeOf(() => parseOptions("train", options, { temperature: 1 }))).toBe("config");
  });

  test("reports every wrong value at once", () => {
    expect(() => parseOptions("train", options, { low: 0, high: "much" })).toThrow(/train: low: .*; high: /);
  });

  test("wants an object", () => {
    for (const given of [null, [], 3, "low"])
      expect(() => parseOptions("train", options, given)).toThrow("train: expected an object of options");
  });
});
