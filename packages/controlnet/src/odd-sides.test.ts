import { readFileSync } from "node:fs";
import { loadTree, parseSafetensors, toFloat32 } from "@controlnet-js/checkpoints";
import { disposeTree } from "@controlnet-js/core";
import { type UNet, type UNetParams, unetConfigFromDiffusers, unetKeyRows } from "@controlnet-js/unet";
import { expectClose, expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { controlNetConfigFromDiffusers } from "./config.js";
import { controlledUNet, controlNet } from "./forward.js";
import { loadControlNet } from "./load.js";

beforeAll(useCpuBackend);

const source = parseSafetensors(
  readFileSync(new URL("../../unet/fixtures/odd-sides.safetensors", import.meta.url)),
);
const read = (key: string) => tf.tensor(toFloat32(source.get(key)), source.get(key).shape);
const nhwc = (key: string) => tf.transpose(read(key), [0, 2, 3, 1]) as tf.Tensor4D;

test("latents of 7x5 on three levels, 7x5, 4x3, 2x2: diffusers' ControlNet on its U-Net", async () => {
  const config = unetConfigFromDiffusers(JSON.parse(source.metadata.unet!));
  const netConfig = controlNetConfigFromDiffusers(JSON.parse(source.metadata.controlnet!));
  await expectNoTensorLeak(() => {
    const unet: UNet = {
      params: loadTree<UNetParams>(source, unetKeyRows(config, "diffusers"), { prefix: "unet." }),
      config,
    };
    const net = loadControlNet(source, netConfig, "diffusers", {
      prefix: "controlnet.",
    });
    tf.tidy(() => {
      const inputs = {
        latents: nhwc("in.latents"),
        timesteps: tf.tensor1d([7, 981]),
        context: read("in.context") as tf.Tensor3D,
      };
      const map = nhwc("in.hint");
      expect(inputs.latents.shape.slice(1, 3)).toEqual([5, 7]);
      const residuals = controlNet(net, inputs, map);
      expect(residuals.skips.map((skip) => skip!.shape.slice(1, 3).join("x"))).toEqual([
        "5x7",
        "5x7",
        "3x4",
        "3x4",
        "2x2",
        "2x2",
      ]);
      expectClose(residuals.middle, nhwc("out.middle"), 1e-5);
      expectClose(controlledUNet(unet, net, inputs, map), nhwc("out.controlled"), 1e-5);
    });
    disposeTree([unet, net]);
  });
});
