import { LeafShape } from "@controlnet-js/core";
import { describe, expect, it } from "vitest";
import { keyRows, renameBy } from "./key-rows.js";

describe("keyRows", () => {
  it("derives layout and published names from a tree of shapes", () => {
    const shapes = {
      down: [
        {
          conv: { kernel: new LeafShape([3, 3, 4, 8]), bias: new LeafShape([8]) },
          norm: { scale: new LeafShape([8]) },
        },
      ],
      out: { kernel: new LeafShape([4, 6]) },
    };
    const rename = renameBy([
      [/^down\.(\d+)/, "blocks.$1"],
      [/^out$/, "proj"],
    ]);
    expect(keyRows(shapes, rename)).toEqual([
      { path: "down.0.conv.kernel", key: "blocks.0.conv.weight", layout: "convolution", shape: [3, 3, 4, 8] },
      { path: "down.0.conv.bias", key: "blocks.0.conv.bias", layout: "plain", shape: [8] },
      { path: "down.0.norm.scale", key: "blocks.0.norm.weight", layout: "plain", shape: [8] },
      { path: "out.kernel", key: "proj.weight", layout: "linear", shape: [4, 6] },
    ]);
    expect(() => keyRows({ a: { gamma: new LeafShape([1]) } }, rename)).toThrow(/"a\.gamma" is neither/);
  });
});
