import { readFileSync } from "node:fs";
import { isControlNetError } from "@controlnet-js/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesPerElement } from "../dtype.js";
import { elementCount } from "../tensor-source.js";
import { cpuClock } from "../testing/cpu-time.js";
import { pickle } from "../testing/pickle-writer.js";
import { join, writeZip } from "../testing/zip-writer.js";
import { parsePytorch } from "./parse-pytorch.js";
import { op, refusedOpcodes } from "./pickle-opcodes.js";

const fixtures = ["mixed.ckpt", "views.ckpt", "lightning.ckpt", "protocol4.pth"].map(
  (name) => new Uint8Array(readFileSync(new URL(`../../fixtures/${name}`, import.meta.url))),
);

/** Reads the file; whatever it accepts must be whole, and it must come to an end. */
function readOrRefuse(bytes: Uint8Array): void {
  const spent = cpuClock();
  try {
    const source = parsePytorch(bytes);
    for (const name of source.names()) {
      const { dtype, shape, bytes } = source.get(name);
      expect(bytes().byteLength).toBe(elementCount(shape) * bytesPerElement(dtype));
    }
  } catch (error) {
    if (!isControlNetError(error) || !["format", "unsupported"].includes(error.code)) throw error;
  }
  expect(spent()).toBeLessThan(1000);
}

const hits = fc.array(fc.tuple(fc.nat(6000), fc.nat(255)), { minLength: 1, maxLength: 5 });

describe("any file of torch.save", () => {
  it("is read or refused with a typed error after any damage", () => {
    fc.assert(
      fc.property(fc.constantFrom(...fixtures), hits, fc.nat(6000), (fixture, hits, cut) => {
        const bytes = fixture.slice();
        for (const [at, value] of hits) bytes[at % bytes.byteLength] = value;
        readOrRefuse(bytes);
        readOrRefuse(fixture.subarray(0, cut));
        readOrRefuse(join(fixture.subarray(0, cut), bytes.subarray(cut + 1)));
      }),
      { numRuns: 700 },
    );
  });

  it("is read or refused whatever the directory at its end says", () => {
    fc.assert(
      fc.property(fc.constantFrom(...fixtures), hits, (fixture, hits) => {
        const bytes = fixture.slice();
        for (const [at, value] of hits) bytes[bytes.byteLength - 1 - (at % 900)] = value;
        readOrRefuse(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  it("is read or refused whatever its pickle does", () => {
    const opcode = fc
      .constantFrom(...Object.values(op), ...refusedOpcodes.keys())
      .map((code) => Uint8Array.of(code));
    const piece = fc.oneof(
      opcode,
      fc.constantFrom(
        pickle.tensor(),
        pickle.storage("FloatStorage", "0", 4),
        pickle.global("torch._utils", "_rebuild_tensor_v2"),
        pickle.global("torch._utils", "_rebuild_parameter"),
        pickle.global("collections", "OrderedDict"),
        pickle.global("numpy", "dtype"),
        pickle.global("os", "system"),
        pickle.text("state_dict"),
        pickle.text("w"),
        pickle.dict(pickle.text("w"), pickle.tensor()),
        pickle.counts(2, 2),
        pickle.int(1),
      ),
      fc.uint8Array({ maxLength: 5 }),
    );
    const data = new Uint8Array(16);
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        readOrRefuse(
          writeZip([
            { name: "a/data.pkl", data: pickle.file(...pieces) },
            { name: "a/data/0", data },
          ]),
        );
      }),
      { numRuns: 2500 },
    );
  });
});
