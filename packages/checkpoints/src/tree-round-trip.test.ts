import { disposeTree, leavesOf } from "@controlnet-js/core";
import { expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { exportTree } from "./export-tree.js";
import { KeyReportError } from "./key-report.js";
import type { KeyRow } from "./key-table.js";
import { loadTree, loadTreeWithReport } from "./load-tree.js";
import { parseSafetensors } from "./safetensors/parse-safetensors.js";
import { writeSafetensors } from "./safetensors/write-safetensors.js";
import { float32Tensor, tensorSource, toFloat32 } from "./tensor-source.js";

interface Model {
  blocks: { kernel: tf.Tensor; bias: tf.Tensor }[];
  attention: { query: tf.Tensor; key: tf.Tensor; value: tf.Tensor };
  project: tf.Tensor;
}

const rows: KeyRow[] = [
  { path: "blocks.0.kernel", key: "in.0.weight", layout: "convolution", shape: [3, 2, 5, 70] },
  { path: "blocks.0.bias", key: "in.0.bias", layout: "plain", shape: [70] },
  { path: "blocks.1.kernel", key: "in.1.weight", layout: "linear", shape: [33, 41] },
  { path: "blocks.1.bias", key: "in.1.bias", layout: "plain", shape: [41] },
  { path: "attention.query", key: "in_proj", layout: "linear", shape: [4, 6], part: { index: 0, of: 3 } },
  { path: "attention.key", key: "in_proj", layout: "linear", shape: [4, 6], part: { index: 1, of: 3 } },
  { path: "attention.value", key: "in_proj", layout: "linear", shape: [4, 6], part: { index: 2, of: 3 } },
  { path: "project", key: "proj.weight", layout: "pointwise-linear", shape: [4, 9] },
];

const noise = (count: number, seed: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(seed + i * 12.9898) * 43758.5);

const published = () => [
  float32Tensor("net.in.0.weight", [70, 5, 3, 2], noise(70 * 30, 1)),
  float32Tensor("net.in.0.bias", [70], noise(70, 2)),
  float32Tensor("net.in.1.weight", [41, 33], noise(41 * 33, 3)),
  float32Tensor("net.in.1.bias", [41], noise(41, 4)),
  float32Tensor("net.in_proj", [18, 4], noise(72, 5)),
  float32Tensor("net.proj.weight", [9, 4, 1, 1], noise(36, 6)),
];

beforeAll(useCpuBackend);

describe("loadTree and exportTree", () => {
  it("put every layout into our order", () => {
    const source = tensorSource(published());
    const model = loadTree<Model>(source, rows, { prefix: "net." });
    const transposed = tf.tidy(() =>
      tf
        .transpose(tf.tensor(toFloat32(source.get("net.in.0.weight")), [70, 5, 3, 2]), [2, 3, 1, 0])
        .dataSync(),
    );
    expect(model.blocks[0]!.kernel.shape).toEqual([3, 2, 5, 70]);
    expect(model.blocks[0]!.kernel.dataSync()).toEqual(transposed);
    const fused = toFloat32(source.get("net.in_proj"));
    expect(model.attention.key.arraySync()).toEqual(
      Array.from({ length: 4 }, (_, i) => Array.from({ length: 6 }, (_, o) => fused[(6 + o) * 4 + i])),
    );
    expect(Array.isArray(model.blocks)).toBe(true);
    disposeTree(model);
  });

  it("return every bit through a file, in each type", async () => {
    await expectNoTensorLeak(() => {
      for (const dtype of ["F32", "F16", "BF16"] as const) {
        const file = writeSafetensors(published(), { a: "b" }, { dtype });
        const model = loadTree<Model>(parseSafetensors(file), rows, { prefix: "net." });
        const again = writeSafetensors(exportTree(model, rows, { prefix: "net.", dtype }), { a: "b" });
        expect(Buffer.from(again).equals(file)).toBe(true);
        disposeTree(model);
      }
    });
  });

  it("list everything that does not fit in one error", async () => {
    await expectNoTensorLeak(() => {
      const tensors = published().filter(({ name }) => name !== "net.in.1.bias");
      tensors[1] = float32Tensor("net.in.0.bias", [71], noise(71, 2));
      tensors.push(
        float32Tensor("net.extra", [1], noise(1, 1)),
        float32Tensor("other.extra", [1], noise(1, 1)),
      );
      const source = tensorSource(tensors);
      let thrown: unknown;
      try {
        loadTree(source, rows, { prefix: "net.", where: "test net" });
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(KeyReportError);
      const report = {
        missing: ["net.in.1.bias"],
        unused: ["net.extra"],
        mismatched: [{ key: "net.in.0.bias", expected: "float [70]", found: "F32 [71]" }],
      };
      expect(thrown).toMatchObject({ code: "format", report });
      expect(String(thrown)).toMatch(/test net.*missing \(1\).*unused \(1\).*mismatched \(1\)/s);
      const loose = loadTreeWithReport<Model>(source, rows, {
        prefix: "net.",
        strict: false,
        fallback: (row) => (row.path === "blocks.1.bias" ? tf.zeros(row.shape) : undefined),
      });
      expect(loose.report).toEqual(report);
      expect(leavesOf(loose.params).map(({ path }) => path)).not.toContain("blocks.0.bias");
      expect(loose.params.blocks[1]!.bias.shape).toEqual([41]);
      disposeTree(loose.params);
    });
  });

  it("let named buffers be unused", () => {
    const source = tensorSource([...published(), float32Tensor("net.position_ids", [1], noise(1, 1))]);
    disposeTree(loadTree(source, rows, { prefix: "net.", ignore: [/position_ids$/] }));
  });

  it("name tensors with NaN or infinite weights and leave nothing behind", async () => {
    await expectNoTensorLeak(() => {
      for (const bad of [Number.NaN, Infinity]) {
        const tensors = published();
        tensors[3] = float32Tensor("net.in.1.bias", [41], noise(41, 4).fill(bad, 7, 8));
        expect(() => loadTree(tensorSource(tensors), rows, { prefix: "net." })).toThrow(
          /net\.in\.1\.bias.*NaN/,
        );
        disposeTree(loadTree(tensorSource(tensors), rows, { prefix: "net.", allowNonFinite: true }));
      }
    });
  });

  it("refuse a tree that differs from the table", () => {
    const leaf = tf.zeros([2]);
    const row: KeyRow = { path: "a", key: "a", layout: "plain", shape: [3] };
    expect(() => exportTree({ a: leaf }, [row])).toThrow(/"a" has shape \[2\], expected \[3\]/);
    expect(() => exportTree({ b: leaf }, [row])).toThrow(/no leaf at "a".*no row for "b"/s);
    leaf.dispose();
  });

  it("refuse tables that are not reversible", () => {
    const load =
      (...bad: KeyRow[]) =>
      () =>
        loadTree(tensorSource([]), bad, { strict: false });
    const plain: KeyRow = { path: "a", key: "k", layout: "plain", shape: [2] };
    expect(load(plain, plain)).toThrow(/two rows for path/);
    expect(load(plain, { ...plain, path: "b" })).toThrow(/two rows for key/);
    expect(load({ ...plain, layout: "linear" })).toThrow(/can't be linear/);
    expect(load({ ...plain, part: { index: 0, of: 2 } })).toThrow(/parts of key "k"/);
  });
});
