import { isControlNetError } from "@controlnet-js/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesPerElement, dtypes } from "../dtype.js";
import { elementCount, type NamedTensor } from "../tensor-source.js";
import { parseSafetensors } from "./parse-safetensors.js";
import { writeSafetensors } from "./write-safetensors.js";

const names = fc
  .string({ unit: "grapheme", maxLength: 20 })
  .filter((name) => !/^__(metadata|proto)__$/.test(name));
const entry = fc
  .record({ name: names, dtype: fc.constantFrom(...dtypes), shape: fc.array(fc.nat(4), { maxLength: 4 }) })
  .chain(({ name, dtype, shape }) => {
    const size = elementCount(shape) * bytesPerElement(dtype);
    return fc
      .uint8Array({ minLength: size, maxLength: size })
      .map((data): NamedTensor => ({ name, dtype, shape, bytes: () => data }));
  });
const entries = fc.uniqueArray(entry, { selector: ({ name }) => name, maxLength: 6 });
const metadata = fc.dictionary(names, fc.string({ unit: "grapheme" }), { maxKeys: 3, noNullPrototype: true });

/** Reads the file; whatever it accepts must be whole. */
function readOrRefuse(bytes: Uint8Array): void {
  try {
    const source = parseSafetensors(bytes);
    for (const name of source.names()) {
      const { dtype, shape, bytes } = source.get(name);
      expect(bytes().byteLength).toBe(elementCount(shape) * bytesPerElement(dtype));
    }
  } catch (error) {
    if (!isControlNetError(error) || error.code !== "format") throw error;
  }
}

describe("any safetensors file", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(entries, metadata, (tensors, metadata) => {
        const source = parseSafetensors(writeSafetensors(tensors, metadata));
        expect(source.metadata).toEqual(metadata);
        expect(source.names().length).toBe(tensors.length);
        for (const { name, dtype, shape, bytes } of tensors) {
          const found = source.get(name);
          expect([found.dtype, found.shape]).toEqual([dtype, shape]);
          expect(Buffer.compare(found.bytes(), bytes())).toBe(0);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("is read or refused with a typed error after any damage", () => {
    const damage = fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(
        entries,
        damage,
        fc.nat(2000),
        fc.uint8Array({ maxLength: 8 }),
        (tensors, hits, cut, insert) => {
          const bytes = writeSafetensors(tensors, { format: "pt" });
          for (const [at, value] of hits) bytes[at % bytes.byteLength] = value;
          readOrRefuse(bytes);
          readOrRefuse(bytes.subarray(0, cut));
          readOrRefuse(Uint8Array.of(...bytes.subarray(0, cut), ...insert, ...bytes.subarray(cut)));
        },
      ),
      { numRuns: 500 },
    );
  });

  it("is refused when it is any bytes, or any text as its header", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), readOrRefuse), { numRuns: 2000 });
    const pieces = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"a"',
      '"dtype"',
      '"F32"',
      '"shape"',
      '"data_offsets"',
      "0",
      "4",
      '"__metadata__"',
      "\\",
      " ",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
        const text = new TextEncoder().encode(`{${parts.join("")}`);
        const bytes = new Uint8Array(12 + text.byteLength);
        bytes[0] = text.byteLength & 255;
        bytes[1] = text.byteLength >> 8;
        bytes.set(text, 8);
        readOrRefuse(bytes);
      }),
      { numRuns: 1500 },
    );
  });
});
