import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isControlNetError } from "@controlnet-js/core";
import { afterAll, describe, expect, it } from "vitest";
import { openSafetensors } from "../node/open-safetensors.js";
import { cpuClock } from "../testing/cpu-time.js";
import { parseSafetensors } from "./parse-safetensors.js";

const folder = mkdtempSync(join(tmpdir(), "malformed-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A file with this header, or these header bytes, and so many bytes of data. */
function file(header: string | Uint8Array, dataSize = 0, claimed?: bigint): Uint8Array {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.byteLength + dataSize);
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(text.byteLength), true);
  bytes.set(text, 8);
  return bytes;
}

const tensor = (begin: number | string, end: number | string, shape = "[1]", dtype = '"F32"') =>
  `{"dtype":${dtype},"shape":${shape},"data_offsets":[${begin},${end}]}`;
const one = `{"a":${tensor(0, 4)}}`;
const sound = file(one, 4);

const cases: [what: string, bytes: Uint8Array, message: RegExp][] = [
  ["empty", new Uint8Array(0), /0 bytes, too few/],
  ["shorter than the header's length", sound.subarray(0, 7), /7 bytes, too few/],
  ["nothing after the header's length", sound.subarray(0, 8), /8 bytes, too few/],
  ["cut within the header", sound.subarray(0, 30), /cut short/],
  ["cut before the data", sound.subarray(0, -4), /need 4 bytes, but 0 are there.*cut short/],
  ["cut within the data", sound.subarray(0, -1), /need 4 bytes, but 3 are there.*cut short/],
  ["a header of zero bytes", file("", 16), /claims 0 bytes/],
  ["a header longer than the file", file(one, 4, 5000n), /claims 5000 bytes/],
  ["a header past the format's limit", file(one, 4, 100_000_001n), /at most 100000000/],
  ["a header length past 2^53", file(one, 4, 2n ** 60n), /at most/],
  ["a negative header length", file(one, 4, 2n ** 64n - 1n), /at most/],
  [
    "a zip in disguise",
    new TextEncoder().encode("PK\u0003\u0004 and some more text"),
    /a zip archive, as files of torch.save are/,
  ],
  ["a web page saved under the name", new TextEncoder().encode("<!doctype html><html></html>"), /a web page/],
  ["a server's error message", new TextEncoder().encode('{"error":"not found"}'), /a JSON text/],
  ["a GGUF file", new TextEncoder().encode(`GGUF\u0003${"\0".repeat(90)}`), /GGUF file/],
  [
    "a pointer of Git LFS",
    new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\n"),
    /Git LFS/,
  ],
  ["a header that is no object", file("[1, 2, 3, 4]"), /does not begin with/],
  ["a header that begins with a space", file(` ${one}`, 4), /does not begin with/],
  ["a header that begins with a byte order mark", file(`\ufeff${one}`, 4), /does not begin with/],
  ["a header that is not UTF-8", file(Uint8Array.of(0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d)), /not UTF-8/],
  [
    "a header with an overlong encoding",
    file(Uint8Array.of(0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x7d)),
    /not UTF-8/,
  ],
  ["an unclosed object", file(one.slice(0, -1), 4), /lacks }/],
  ["an unclosed string", file('{"abc'), /ends within a string/],
  ["a string that ends in a backslash", file('{"abc\\'), /ends within a string/],
  ["text after the object", file(`${one}x`, 4), /goes on after its end/],
  ["two objects", file(`${one}{}`, 4), /goes on after its end/],
  ["zeros after the object", file(`${one}\0\0`, 4), /goes on after its end/],
  ["a trailing comma", file(`{"a":${tensor(0, 4)},}`, 4), /lacks "/],
  ["a missing colon", file(`{"a"${tensor(0, 4)}}`, 4), /lacks :/],
  ["a name in single quotes", file(`{'a':${tensor(0, 4)}}`, 4), /lacks "/],
  ["a comment", file(`{/* a */"a":${tensor(0, 4)}}`, 4), /lacks "/],
  ["a control character in a name", file(`{"a\n":${tensor(0, 4)}}`, 4), /control character/],
  ["a wrong escape", file(`{"\\x41":${tensor(0, 4)}}`, 4), /wrong escape/],
  ["half a surrogate pair", file(`{"\\ud800":${tensor(0, 4)}}`, 4), /not valid Unicode/],
  ["a name twice", file(`{"a":${tensor(0, 4)},"a":${tensor(4, 8)}}`, 8), /two entries are called "a"/],
  ["a name twice, once escaped", file(`{"a":${tensor(0, 4)},"\\u0061":${tensor(4, 8)}}`, 8), /two entries/],
  ["the name __proto__", file(`{"__proto__":${tensor(0, 4)}}`, 4), /called "__proto__"/],
  ["metadata twice", file(`{"__metadata__":{},"__metadata__":{},"a":${tensor(0, 4)}}`, 4), /two entries/],
  ["metadata that is no object", file(`{"__metadata__":"x","a":${tensor(0, 4)}}`, 4), /lacks {/],
  ["metadata that is no text", file(`{"__metadata__":{"a":1}}`), /lacks "/],
  ["nested metadata", file(`{"__metadata__":{"a":{"b":"c"}}}`), /lacks "/],
  ["a metadata key twice", file(`{"__metadata__":{"a":"1","a":"2"}}`), /two metadata entries/],
  ["metadata called __proto__", file(`{"__metadata__":{"__proto__":"1"}}`), /called "__proto__"/],
  ["a tensor that is null", file(`{"a":null}`), /lacks {/],
  ["a tensor that is a list", file(`{"a":[]}`), /lacks {/],
  ["a tensor without a type", file(`{"a":{"shape":[1],"data_offsets":[0,4]}}`, 4), /no dtype/],
  ["a tensor without a shape", file(`{"a":{"dtype":"F32","data_offsets":[0,4]}}`, 4), /no shape/],
  ["a tensor without offsets", file(`{"a":{"dtype":"F32","shape":[1]}}`, 4), /two data_offsets/],
  ["a tensor with a type twice", file(`{"a":{"dtype":"F32","dtype":"F16"}}`, 4), /two "dtype"/],
  ["a tensor with a shape twice", file(`{"a":{"shape":[1],"shape":[1]}}`, 4), /two "shape"/],
  [
    "a tensor with offsets twice",
    file(`{"a":{"data_offsets":[0,4],"data_offsets":[0,4]}}`, 4),
    /two "data_offsets"/,
  ],
  ["an unknown field", file(`{"a":{"dtype":"F32","strides":[1]}}`, 4), /unknown field "strides"/],
  ["an unknown type", file(`{"a":${tensor(0, 4, "[1]", '"F31"')}}`, 4), /unknown type "F31" \(known: .*BF16/],
  ["a type in lower case", file(`{"a":${tensor(0, 4, "[1]", '"f32"')}}`, 4), /unknown type/],
  [
    "a type named like an inherited property",
    file(`{"a":${tensor(0, 4, "[1]", '"constructor"')}}`, 4),
    /unknown type/,
  ],
  ["a type that is a number", file(`{"a":${tensor(0, 4, "[1]", "1")}}`, 4), /lacks "/],
  ["one offset", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}`, 4), /two data_offsets/],
  [
    "three offsets",
    file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}`, 4),
    /more than 2 numbers/,
  ],
  ["an end before the beginning", file(`{"a":${tensor(4, 0)}}`, 4), /ends before it begins/],
  ["a negative offset", file(`{"a":${tensor(-4, 0)}}`, 4), /no whole number/],
  ["a fractional offset", file(`{"a":${tensor(0, "4.0")}}`, 4), /no whole number/],
  ["an offset with exponent", file(`{"a":${tensor(0, "4e0")}}`, 4), /no whole number/],
  ["an offset with a leading zero", file(`{"a":${tensor(0, "04")}}`, 4), /no whole number/],
  ["an offset in a string", file(`{"a":${tensor(0, '"4"')}}`, 4), /no whole number/],
  ["an offset past 2^53", file(`{"a":${tensor(0, "9007199254740993")}}`, 4), /past 2\^53/],
  ["an offset past 2^64", file(`{"a":${tensor(0, "99999999999999999999999")}}`, 4), /past 2\^53/],
  ["an offset past the file", file(`{"a":${tensor(0, 400, "[100]")}}`, 4), /cut short/],
  ["a negative side", file(`{"a":${tensor(0, 4, "[-1]")}}`, 4), /no whole number/],
  ["a side past 2^53", file(`{"a":${tensor(0, 4, "[9007199254740992]")}}`, 4), /past 2\^53/],
  [
    "a shape whose product overflows",
    file(`{"a":${tensor(0, 4, "[4294967296,4294967296]")}}`, 4),
    /more than 2\^53/,
  ],
  [
    "a shape whose product wraps to the size",
    file(`{"a":${tensor(0, 0, "[4294967296,4294967296]")}}`),
    /more than 2\^53/,
  ],
  ["a shape of too many sides", file(`{"a":${tensor(0, 4, `[${Array(65).fill(1)}]`)}}`, 4), /more than 64/],
  ["a nested shape", file(`{"a":${tensor(0, 4, "[[1]]")}}`, 4), /no whole number/],
  ["more bytes than the shape needs", file(`{"a":${tensor(0, 8)}}`, 8), /needs 4 bytes, but has 8/],
  ["fewer bytes than the shape needs", file(`{"a":${tensor(0, 4, "[2]")}}`, 4), /needs 8 bytes, but has 4/],
  ["bytes for an empty shape", file(`{"a":${tensor(0, 4, "[0]")}}`, 4), /needs 0 bytes, but has 4/],
  [
    "overlapping tensors",
    file(`{"a":${tensor(0, 8, "[2]")},"b":${tensor(4, 12, "[2]")}}`, 12),
    /"a" and "b" overlap/,
  ],
  ["one tensor in another", file(`{"a":${tensor(0, 12, "[3]")},"b":${tensor(4, 8)}}`, 12), /overlap/],
  ["two tensors at one place", file(`{"a":${tensor(0, 4)},"b":${tensor(0, 4)}}`, 4), /overlap/],
  ["a hole at the beginning", file(`{"a":${tensor(4, 8)}}`, 8), /4 bytes before tensor "a"/],
  [
    "a hole in the middle",
    file(`{"a":${tensor(0, 4)},"b":${tensor(8, 12)}}`, 12),
    /4 bytes before tensor "b"/,
  ],
  ["bytes after the last tensor", file(one, 5), /1 bytes after the last tensor/],
  ["data without tensors", file("{}", 5), /5 bytes after the last tensor/],
  ["an empty tensor past the end", file(`{"a":${tensor(4, 4, "[0]")}}`), /belong to no tensor/],
  ["deep nesting", file(`{"a":${'{"a":'.repeat(50_000)}`), /unknown field "a"/],
  ["a very long name in the error", file(`{"${"n".repeat(1e6)}":1}`), /lacks {/],
];

describe("a malformed safetensors file is refused", () => {
  it.each(cases)("%s", (_, bytes, message) => {
    const path = join(folder, "x.safetensors");
    writeFileSync(path, bytes);
    for (const read of [() => parseSafetensors(bytes), () => openSafetensors(path)]) {
      const spent = cpuClock();
      let thrown: unknown;
      try {
        read();
      } catch (error) {
        thrown = error;
      }
      expect(isControlNetError(thrown) && thrown.code).toBe("format");
      expect(String(thrown)).toMatch(message);
      expect(String(thrown).length).toBeLessThan(1000);
      expect(spent()).toBeLessThan(1000);
    }
  });

  it("when it names a million tensors, at once", () => {
    const entries = Array.from({ length: 300_000 }, (_, i) => `"${i}":${tensor(0, 0, "[0]")}`);
    const bytes = file(`{${entries.join(",")}}`);
    const spent = cpuClock();
    expect(() => parseSafetensors(bytes)).toThrow(/more than 100000 tensors/);
    expect(spent()).toBeLessThan(1000);
  });

  it("but white space, odd names, empty tensors and unaligned data are fine", () => {
    const bytes = file(
      `{ "constructor" :\n${tensor(1, 5)} ,\t"e":${tensor(1, 1, "[0,9007199254740991]")},"\\u0062/../\\"":${tensor(0, 1, "[]", '"U8"')}}   `,
      5,
    );
    const source = parseSafetensors(bytes);
    expect(source.names()).toEqual(['b/../"', "e", "constructor"]);
    expect(source.get("constructor").shape).toEqual([1]);
    expect(source.get("e").bytes().byteLength).toBe(0);
    expect(parseSafetensors(file("{}")).names()).toEqual([]);
  });
});
