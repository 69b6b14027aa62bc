import { tensorSource } from "@controlnet-js/checkpoints";
import { expect, test } from "vitest";
import { hedNetwork } from "../hed/hed-network.js";
import { findPeaks } from "../open-pose/find-peaks.js";
import { openPoseNetwork } from "../open-pose/open-pose-network.js";
import { madeWeights } from "../testing/made-weights.js";
import { identifyNetwork, networkTitles } from "./known-networks.js";

/** A file of these names and shapes, whose bytes must not be read. */
const file = (shapes: Record<string, number[]>) =>
  tensorSource(
    Object.entries(shapes).map(([name, shape]) => ({
      name,
      shape,
      dtype: "F32" as const,
      bytes: () => {
        throw new Error("telling networks apart must not read weights");
      },
    })),
  );

test.each([
  ["body", "open-pose-body"],
  ["hand", "open-pose-hand"],
  ["hed", "hed"],
  ["mlsd", "mlsd"],
  ["lineart", "lineart"],
] as const)("the names in %s's file tell what it is", (network, name) => {
  expect(identifyNetwork(madeWeights(network))).toEqual({ name, title: networkTitles[name] });
});

test.each([
  ["conv6_2_CPM.weight", [71, 512, 1, 1], /face network/],
  ["netVggOne.0.weight", [64, 3, 3, 3], /network-bsds500/],
  ["pretrained.model.blocks.0.attn.qkv.weight", [1], /unknown kind/],
  ["scratch.layer4_rn.weight", [256, 512, 3, 3], /MiDaS/],
  ["text_model.embeddings.token_embedding.weight", [49408, 768], /text encoder/],
])("a file with %s is named as what it is", (name, shape, title) => {
  expect(() => hedNetwork(file({ [name]: shape }), {}, "x.pth")).toThrow(
    new RegExp(`^x\\.pth: expected the weights of HED \\(ControlNetHED\\.pth\\), found .*${title.source}`),
  );
});

test("an incomplete file lists what it lacks", () => {
  const whole = madeWeights("hed");
  const names = whole.names().filter((name) => name !== "block3.convs.1.bias");
  const cut = tensorSource(names.map((name) => whole.get(name)));
  expect(() => hedNetwork(cut, {}, "cut.pth")).toThrow(
    /cut\.pth.*\n +missing \(1\):\n +block3\.convs\.1\.bias/,
  );
});

test("a limit of nobody is refused", () => {
  expect(() => openPoseNetwork({ body: file({}) }, { maxPeople: 0 })).toThrow(
    /maxPeople of at least 1, got 0/,
  );
});

test("maps that are no picture of people end in an error, not in hours of pairing", () => {
  const [width, height] = [1000, 1000];
  const data = new Float32Array(width * height);
  for (let y = 10; y < height; y += 20) for (let x = 10; x < width; x += 20) data[y * width + x] = 10;
  expect(() => findPeaks({ data, width, height, channels: 1 }, 0)).toThrow(
    /2500 places for the joint "nose", expected at most 2000: the weights are not/,
  );
});
