import { readFileSync } from "node:fs";
import { loadTree, parseSafetensors, toFloat32 } from "@controlnet-js/checkpoints";
import { disposeTree } from "@controlnet-js/core";
import { expectClose, expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import {
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  tensor,
  tensor1d,
  tidy,
  transpose,
} from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { type UNet, type UNetParams, unet, unetConfigFromDiffusers, unetKeyRows } from "./index.js";

beforeAll(useCpuBackend);

test.each([
  "sd15-like",
  "sd21-like",
  "one-level",
  "global-pooling",
  "settings",
  "no-middle",
  "unusual",
  "uneven-levels",
  "odd-sides",
])("%s computes what diffusers' U-Net does, to 1e-5", async (name) => {
  const source = parseSafetensors(readFileSync(new URL(`../fixtures/${name}.safetensors`, import.meta.url)));
  const config = unetConfigFromDiffusers(JSON.parse(source.metadata.unet!));
  await expectNoTensorLeak(() => {
    const model: UNet = {
      params: loadTree<UNetParams>(source, unetKeyRows(config, "diffusers"), { prefix: "unet." }),
      config,
    };
    tidy(() => {
      const read = (key: string) => tensor(toFloat32(source.get(key)), source.get(key).shape);
      const nhwc = (key: string) => transpose(read(key), [0, 2, 3, 1]) as Tensor4D;
      const inputs = {
        latents: nhwc("in.latents"),
        timesteps: tensor1d([7, 981]),
        context: read("in.context") as Tensor3D,
        ...(config.guidanceChannels && { guidance: read("in.guidance") as Tensor2D }),
      };
      if (name === "odd-sides") expect(inputs.latents.shape.slice(1, 3)).toEqual([5, 7]);
      expectClose(unet(model, inputs), nhwc("out.plain"), 1e-5);
    });
    disposeTree(model);
  });
});
