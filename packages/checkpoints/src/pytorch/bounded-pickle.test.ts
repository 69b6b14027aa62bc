import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isControlNetError } from "@controlnet-js/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cpuClock } from "../testing/cpu-time.js";
import { pickle } from "../testing/pickle-writer.js";
import { ascii, join, littleEndian, writeZip } from "../testing/zip-writer.js";
import { parsePytorch } from "./parse-pytorch.js";
import { op } from "./pickle-opcodes.js";

const { code, text, int, global, tuple, dict, list, call, tensor, counts } = pickle;
const data = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
const archive = (body: Uint8Array, ...more: Parameters<typeof writeZip>[0]) =>
  writeZip([{ name: "archive/data.pkl", data: body }, { name: "archive/data/0", data }, ...more]);
const repeat = (piece: Uint8Array, times: number) => {
  const out = new Uint8Array(piece.byteLength * times);
  for (let i = 0; i < times; i++) out.set(piece, i * piece.byteLength);
  return out;
};
const put = (index: number) => code(op.LONG_BINPUT, ...littleEndian([index, 4]));
const get = (index: number) => code(op.LONG_BINGET, ...littleEndian([index, 4]));
const each = (count: number, piece: (i: number) => Uint8Array) =>
  join(...Array.from({ length: count }, (_, i) => piece(i)));

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Opens the file: it ends within a second, and what it leaves on the heap is twice its size and a constant. */
function expectBounded(bytes: Uint8Array): string {
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  const spent = cpuClock();
  let outcome = "read";
  let source: unknown;
  try {
    source = parsePytorch(bytes, "x.ckpt");
  } catch (error) {
    if (!isControlNetError(error) || !["format", "unsupported"].includes(error.code)) throw error;
    outcome = error.message;
  }
  expect(spent()).toBeLessThan(1000);
  collectGarbage();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(2 * bytes.byteLength + 20 * 2 ** 20);
  expect(source === undefined).toBe(outcome !== "read");
  return outcome;
}

/** A list of pairs, remembered as 1, and OrderedDicts copied from it. */
const copies = (pairs: number, times: number) =>
  join(
    code(op.EMPTY_LIST, op.MARK),
    repeat(join(code(op.NONE, op.NONE, op.TUPLE2)), pairs),
    code(op.APPENDS),
    put(1),
    code(op.TUPLE1),
    put(2),
    code(op.POP),
    global("collections", "OrderedDict"),
    put(3),
    code(op.POP),
    repeat(join(get(3), get(2), code(op.REDUCE, op.POP)), times),
  );

/** Dicts nested in each other by long keys, each named twice by the one above it. */
const towers = (depth: number, keyLength: number, wide: number) =>
  join(
    tensor({ shape: [0] }),
    put(0),
    code(op.POP),
    each(depth, (level) =>
      join(
        code(op.EMPTY_DICT, op.MARK),
        each(level === 0 ? wide : 2, (i) => join(text(`${i}`.padStart(keyLength, "k")), get(level))),
        code(op.SETITEMS),
        put(level + 1),
        code(op.POP),
      ),
    ),
    get(depth),
  );

describe("reading any pickle is bounded by its size", () => {
  it.each<[what: string, body: Uint8Array, outcome: RegExp]>([
    ["copies one list into dicts without end", join(copies(90_000, 20_000), dict()), /of memory/],
    ["joins nested names without end", towers(16, 60_000, 2), /name has more than 1000/],
    ["joins nested names just below the limit", towers(15, 62, 2), /of memory/],
    ["names one tensor by thousands of long names", towers(2, 400, 2000), /of memory|read/],
    [
      "has a name longer than any",
      dict(text("k".repeat(100_000)), tensor()),
      /name has more than 1000 characters/,
    ],
    [
      "hides tensors below a name longer than any",
      dict(text("w"), tensor(), text("k".repeat(100_000)), dict(text("v"), tensor())),
      /name has more than 1000 characters/,
    ],
    [
      "sets one entry without end",
      join(code(op.EMPTY_DICT), repeat(join(text("a"), int(1), code(op.SETITEM)), 90_000)),
      /no weights/,
    ],
    [
      "appends one list to another without end",
      join(
        code(op.EMPTY_LIST, op.MARK),
        repeat(code(op.NONE), 90_000),
        code(op.APPENDS),
        repeat(join(code(op.MARK), repeat(code(op.NONE), 90_000), code(op.APPENDS)), 10),
      ),
      /found a list|opcodes/,
    ],
    [
      "makes tensors of shapes that are recalled",
      join(
        counts(...Array.from({ length: 64 }, () => 1)),
        put(0),
        pickle.storage("FloatStorage", "0", 4),
        put(1),
        global("torch._utils", "_rebuild_tensor_v2"),
        put(2),
        tuple(get(1), int(0), get(0), get(0)),
        put(3),
        code(op.POP, op.POP, op.POP, op.POP),
        code(op.EMPTY_LIST, op.MARK),
        repeat(join(get(2), get(3), code(op.REDUCE)), 40_000),
        code(op.APPENDS),
      ),
      /of memory/,
    ],
    [
      "recalls a storage's name without end",
      join(
        tuple(text("storage"), global("torch", "FloatStorage"), text("0"), text("cpu"), int(4)),
        put(0),
        code(op.POP, op.EMPTY_LIST, op.MARK),
        repeat(join(get(0), code(op.BINPERSID)), 99_000),
        code(op.APPENDS),
      ),
      /found a list/,
    ],
    ["remembers one value without end", join(int(1), repeat(code(op.MEMOIZE), 190_000)), /found a number/],
    ["makes empty tuples without end", repeat(code(op.EMPTY_TUPLE), 99_000), /leaves values behind/],
    [
      "names two long texts as one name",
      join(text("m".repeat(60_000)), text("n".repeat(60_000)), code(op.STACK_GLOBAL)),
      /which no file of weights needs/,
    ],
    [
      "holds great integers",
      join(code(op.LONG4), littleEndian([900_000, 4]), new Uint8Array(900_000).fill(1)),
      /found a opaque/,
    ],
    [
      "views its storage at sixty-four sides of one",
      dict(
        text("w"),
        tensor({ shape: [2, ...Array<number>(62).fill(1), 1_000_000], strides: Array<number>(64).fill(0) }),
      ),
      /read/,
    ],
  ])("that %s", (_, body, outcome) => {
    expect(expectBounded(archive(pickle.file(body)))).toMatch(outcome);
  });

  it("and any archive by its size, whatever files it lists", () => {
    const parts = Array.from({ length: 20_000 }, (_, i) => ({
      name: `archive/${i}`,
      data: new Uint8Array(0),
    }));
    expect(expectBounded(archive(pickle.file(dict(text("w"), tensor())), ...parts))).toBe("read");
  });

  it("whatever it repeats", () => {
    const times = fc.integer({ min: 1, max: 3000 });
    const amplifier = fc.oneof(
      fc.tuple(times, times).map(([pairs, count]) => join(copies(pairs, count), list())),
      fc
        .tuple(
          fc.integer({ min: 1, max: 16 }),
          fc.integer({ min: 1, max: 2000 }),
          fc.integer({ min: 1, max: 200 }),
        )
        .map((sizes) => towers(...sizes)),
      times.map((count) => join(dict(), repeat(code(op.DUP, op.POP), count))),
      times.map((count) => join(dict(), repeat(code(op.MEMOIZE), count))),
      times.map((count) => list(repeat(tuple(int(1), int(2)), count))),
      times.map((count) => list(repeat(call(global("collections", "OrderedDict")), count))),
      times.map((count) => list(repeat(tensor({ shape: [0] }), Math.min(count, 500)))),
    );
    fc.assert(
      fc.property(fc.array(amplifier, { minLength: 1, maxLength: 4 }), (amplifiers) => {
        const held = amplifiers.flatMap((value, i) => [text(`k${i}`), value]);
        expectBounded(archive(pickle.file(dict(...held))));
      }),
      { numRuns: 60, seed: 1 },
    );
  });
});

describe("as torch has it", () => {
  const weights = dict(text("w"), tensor());
  const framed = (length: number) =>
    join(code(op.PROTO, 4, op.FRAME), littleEndian([length, 8]), weights, code(op.STOP));
  const version = (told: string, name = "archive/version") =>
    archive(pickle.file(weights), { name, data: ascii(told) });

  it("a frame must lie inside the pickle", () => {
    const length = weights.byteLength + 1;
    expect(expectBounded(archive(framed(length)))).toBe("read");
    expect(expectBounded(archive(framed(length + 1)))).toMatch(/frame of \d+ bytes, but \d+ are left/);
    expect(expectBounded(archive(framed(2 ** 52)))).toMatch(/frame of/);
  });

  it.each(["1", "3\n", "10", " +3", "3 and more"])("an archive of version %j is read", (told) => {
    expect(expectBounded(version(told))).toBe("read");
  });

  it.each(["0", "11\n", "999\n", "-1", "three", "", "9".repeat(60), "0x3"])(
    "an archive of version %j is refused",
    (told) => {
      expect(expectBounded(version(told))).toMatch(/its version is|archive of version/);
      expect(expectBounded(version(told, "archive/.data/version"))).toMatch(/version/);
    },
  );

  it.each<[shape: number[], strides: number[], values: number[]]>([
    [[3], [0], [1, 1, 1]],
    [
      [2, 2],
      [0, 1],
      [1, 2, 1, 2],
    ],
    [
      [2, 2],
      [1, 0],
      [1, 1, 2, 2],
    ],
    [
      [3, 2],
      [1, 1],
      [1, 2, 2, 3, 3, 4],
    ],
    [
      [2, 1, 3],
      [0, 7, 1],
      [1, 2, 3, 1, 2, 3],
    ],
    [[0, 5], [0, 0], []],
    [[], [], [1]],
  ])("a view of shape %j and strides %j repeats elements", (shape, strides, values) => {
    const source = parsePytorch(archive(pickle.file(dict(text("w"), tensor({ shape, strides })))));
    expect(source.get("w").shape).toEqual(shape);
    expect([...new Float32Array(source.get("w").bytes().slice().buffer)]).toEqual(values);
  });

  it("but not more than a file of its size may ask for, in one tensor or many", () => {
    const views = (count: number, side: number) =>
      archive(
        pickle.file(
          dict(
            ...Array.from({ length: count }, (_, i) =>
              join(text(`w${i}`), tensor({ shape: [side], strides: [0] })),
            ),
          ),
        ),
      );
    expect(expectBounded(views(1, 4_000_000))).toBe("read");
    expect(expectBounded(views(1, 2 ** 40))).toMatch(/repeats the elements .* \.contiguous\(\)/);
    expect(expectBounded(views(100, 100_000))).toMatch(/repeats the elements/);
  });
});
