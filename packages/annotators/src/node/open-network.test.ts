import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { saveSafetensors } from "@controlnet-js/checkpoints/node";
import { type Condition, defineCondition } from "@controlnet-js/core";
import {
  type ByteImage,
  builtInConditions,
  type EdgeNetwork,
  hedCondition,
  publishedNetworks,
  softEdges,
} from "@controlnet-js/preprocessors";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { madeWeights } from "../testing/made-weights.js";
import { asImage, readFixture } from "../testing/read-fixture.js";
import { useWasm } from "../testing/use-wasm.js";
import { openNetwork } from "./open-network.js";
import { openHed } from "./open-networks.js";

const folder = mkdtempSync(join(tmpdir(), "open-network-"));
const edges = join(folder, "hed.safetensors");
const picture: ByteImage = asImage(readFixture("networks.bin.gz")["hed.in"]!);

beforeAll(async () => {
  await useWasm();
  const source = madeWeights("hed");
  await saveSafetensors(
    edges,
    source.names().map((name) => source.get(name)),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("every built-in condition's network is known here, by the parts that it names", async () => {
  const withNetwork = (Object.values(builtInConditions) as unknown as Condition[]).filter(
    ({ network }) => network,
  );
  expect(withNetwork.length).toBeGreaterThan(8);
  for (const { name, network } of withNetwork) {
    const paths = Object.fromEntries(
      Object.keys(network!.parts).map((part) => [part, join(folder, `none-${part}`)]),
    );
    await expect(openNetwork(network!, paths), name).rejects.toMatchObject({
      code: "io",
      message: expect.stringContaining("none-"),
    });
  }
});

test("a condition of one's own is found by a published network, named or opened by itself", async () => {
  const outlines = (network: typeof publishedNetworks.hed) =>
    defineCondition({
      name: "outlines",
      channels: 1,
      options: z.object({}),
      network,
      prepare: async (image, _, detect) => softEdges(await detect(image)),
    });
  const expected = openHed(edges, { resolution: 64 });
  const wanted = await hedCondition.withNetwork(expected).detect(picture);
  expect(new Set(wanted.data).size).toBeGreaterThan(20);
  for (const source of [
    publishedNetworks.hed,
    { parts: { edges: "HED" }, open: (paths, look) => openHed(paths.edges!, look) },
  ] satisfies (typeof publishedNetworks.hed)[]) {
    const network = await openNetwork<EdgeNetwork>(source, { edges }, { resolution: 64 });
    const { data } = await outlines(source).withNetwork(network).detect(picture);
    expect(data).toEqual(wanted.data.filter((_, i) => i % 3 === 0));
    network.dispose?.();
  }
  expected.dispose();
});

test("the size that a network sees: the one asked for, else the picture's where that has the map's size", async () => {
  const found = async (look: Parameters<typeof openNetwork>[2]) => {
    const network = await openNetwork(publishedNetworks.hed, { edges }, look);
    const { data } = await network(picture);
    network.dispose?.();
    return data;
  };
  const own = await found({ resolution: "picture" });
  expect(await found({ sized: true })).toEqual(own);
  expect(await found({ resolution: 128, sized: true })).toEqual(await found({ resolution: 128 }));
  expect(await found({ resolution: 128 })).not.toEqual(own);
});

test("networks and parts that there aren't, and a resolution where there is one, are refused", async () => {
  const { hed, depth, segmentation, pose } = publishedNetworks;
  const none = join(folder, "none.json");
  const calls: [Promise<unknown>, string, RegExp][] = [
    [openNetwork({ ...hed, open: "hde" }, { edges }), "missing", /network "hde", did you mean "hed"\?/],
    [openNetwork({ ...hed, open: "constructor" }, { edges }), "missing", /network "constructor"/],
    [openNetwork(hed, { egdes: edges }), "missing", /part "egdes", did you mean "edges"\?/],
    [openNetwork(pose, { hand: edges }), "missing", /expected a path for "body", OpenPose/],
    [openNetwork(pose, { body: none }, { resolution: 256 }), "config", /MoveNet has a resolution of its own/],
    [openNetwork(depth, { model: none }, { resolution: 256 }), "config", /has a resolution of its own/],
    [openNetwork(segmentation, { model: none }, { resolution: 64 }), "config", /resolution of its own/],
  ];
  for (const [call, code, message] of calls)
    await expect(call).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});
