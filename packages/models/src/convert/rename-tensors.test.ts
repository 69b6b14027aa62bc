import { type KeyRow, tensorSource } from "@controlnet-js/checkpoints";
import { expect, test } from "vitest";
import { renameTensors } from "./rename-tensors.js";

const kernel = { path: "query.kernel", shape: [2, 3] };

test("a renamed tensor has the bytes of its part, and claims no place in the file they were cut from", () => {
  const bytes = new Uint8Array(new Float32Array([9, 9, 9, 9, 9, 9, 1, 2, 3, 4, 5, 6]).buffer);
  const fused = {
    name: "in_proj",
    dtype: "F32",
    shape: [6, 2],
    place: { path: "model.safetensors", byteOffset: 100 },
    bytes: () => bytes,
  } as const;
  const from: KeyRow[] = [
    { ...kernel, path: "value.kernel", key: "in_proj", layout: "linear", part: { index: 0, of: 2 } },
    { ...kernel, key: "in_proj", layout: "linear", part: { index: 1, of: 2 } },
  ];
  const to: KeyRow[] = [{ ...kernel, key: "to_q.weight", layout: "linear" }];
  const [renamed] = renameTensors(
    tensorSource([{ ...fused, shape: [...fused.shape] }], {}, "file"),
    { rows: from, prefix: "" },
    { rows: to, prefix: "unet." },
  );
  expect(renamed).toMatchObject({ name: "unet.to_q.weight", dtype: "F32", shape: [3, 2] });
  expect([...new Float32Array(renamed!.bytes().slice().buffer)]).toEqual([1, 2, 3, 4, 5, 6]);
  expect(renamed!.place).toBeUndefined();
});
