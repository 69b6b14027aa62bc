import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseSafetensors, toFloat32 } from "@controlnet-js/checkpoints";
import { disposeTree } from "@controlnet-js/core";
import { disposePipeline, type Pipeline } from "@controlnet-js/models";
import { type OpenedControlNet, openControlNet, openPipeline } from "@controlnet-js/models/node";
import { type Tensor, tensor, tidy, transpose } from "@tensorflow/tfjs-core";

/** The path of a fixture, as `tooling/reference/pipeline_fixtures.py` wrote it. */
export const fixturePath = (name: string): string =>
  fileURLToPath(new URL(`../../../models/fixtures/${name}`, import.meta.url));

/** The prompts of the fixtures "prompts" and "clip-skip", and that of "long". */
export const fixturePrompts = {
  prompts: ["a red cube on the grass", "a blue ball"],
  negative: ["blurry", "dark, ugly"],
  long: "a red cube on the grass beside a blue ball, in the evening",
};

/** The tiny random models, with the tensors of the runs on them in our layout. */
export interface Reference {
  pipeline: Pipeline;
  edges: OpenedControlNet;
  depth: OpenedControlNet;
  get<T extends Tensor>(name: string): T;
  dispose(): void;
}

/** Loads the fixtures. */
export async function openReference(): Promise<Reference> {
  const pipeline = await openPipeline(fixturePath("tiny"));
  const edges = await openControlNet(fixturePath("edges"));
  const depth = await openControlNet(fixturePath("depth"));
  const source = parseSafetensors(readFileSync(fixturePath("runs.safetensors")));
  const tensors = new Map(
    source.names().map((name) => {
      const found = source.get(name);
      const published = () => tensor(toFloat32(found), found.shape, "float32");
      return [
        name,
        tidy(() => (found.shape.length === 4 ? transpose(published(), [0, 2, 3, 1]) : published())),
      ];
    }),
  );
  return {
    pipeline,
    edges,
    depth,
    get: <T extends Tensor>(name: string) => tensors.get(name) as T,
    dispose() {
      disposePipeline(pipeline);
      disposeTree([edges, depth, [...tensors.values()]]);
    },
  };
}
