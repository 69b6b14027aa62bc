import { parseSafetensors, writeSafetensors } from "@controlnet-js/checkpoints";
import { expect, test } from "vitest";
import { hintsFromLdm } from "./model-hints.js";
import type { OpenModel } from "./open-model.js";
import { singleFileScheduler } from "./single-file-scheduler.js";

const stableDiffusion2: OpenModel = {
  path: "v2.ckpt",
  source: parseSafetensors(writeSafetensors([])),
  identity: { kind: "unet", family: "sd2", prediction: "unknown", parts: [], ema: false, summary: "" },
  layout: "file",
  configOf: () => undefined,
  close: () => {},
};

/** What a Stable Diffusion 2 is taken to predict with a yaml of these parameters, and what is said about it. */
function predictionWith(params?: object) {
  const said: string[] = [];
  const hints = params && hintsFromLdm({ model: { params } });
  const { json } = singleFileScheduler(stableDiffusion2, hints, (line) => said.push(line));
  return [json.prediction_type, said.join()];
}

test("a Stable Diffusion 2 predicts v, unless a yaml says so or says nothing, as for the original code", () => {
  expect(predictionWith()).toEqual(["v_prediction", expect.stringMatching(/taken as v/)]);
  expect(predictionWith({ parameterization: "v" })).toEqual(["v_prediction", ""]);
  expect(predictionWith({ parameterization: "eps" })).toEqual(["epsilon", ""]);
  expect(predictionWith({ linear_start: 0.00085 })).toEqual([
    "epsilon",
    expect.stringMatching(/no "parameterization".*add "parameterization: v"/),
  ]);
});
