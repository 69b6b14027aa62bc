import { float32Tensor, parseSafetensors, writeSafetensors } from "@controlnet-js/checkpoints";
import { expect, test } from "vitest";
import { hintsFromLdm } from "./model-hints.js";
import type { OpenModel } from "./open-model.js";
import { singleFileScheduler } from "./single-file-scheduler.js";

const file = (betas: readonly number[] = [], metadata = {}) =>
  parseSafetensors(
    writeSafetensors(
      betas.length > 0 ? [float32Tensor("betas", [betas.length], Float32Array.from(betas))] : [],
      metadata,
    ),
  );
const stableDiffusion2: OpenModel = {
  path: "v2.ckpt",
  source: file(),
  identity: { kind: "unet", family: "sd2", prediction: "unknown", parts: [], ema: false, summary: "" },
  layout: "file",
  configOf: () => undefined,
  close: () => {},
};

/** What a Stable Diffusion 2 is taken to predict with a yaml of these parameters, and what is said about it. */
function predictionWith(params?: object, change: Partial<OpenModel> = {}) {
  const said: string[] = [];
  const hints = params && hintsFromLdm({ model: { params } });
  const { json } = singleFileScheduler({ ...stableDiffusion2, ...change }, hints, (line) => said.push(line));
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

test("as diffusers has it, one for inpainting or of the base model's steps predicts the noise", () => {
  const { identity } = stableDiffusion2;
  const noise = ["epsilon", expect.stringMatching(/taken to predict the noise.*"parameterization: v"/)];
  expect(predictionWith(undefined, { identity: { ...identity, variant: "inpainting" } })).toEqual(noise);
  expect(predictionWith(undefined, { source: file([], { global_step: "875000" }) })).toEqual(noise);
  expect(predictionWith(undefined, { source: file([], { global_step: "140000" }) })[0]).toBe("v_prediction");
});

test("a file that says it predicts the sample does; one that predicts something unknown is refused by name", () => {
  const { identity } = stableDiffusion2;
  const says = (told: string, prediction: "sample" | "unknown") => ({
    source: file([], { "modelspec.predict_key": told }),
    identity: { ...identity, prediction },
  });
  expect(predictionWith(undefined, says("x0", "sample"))[0]).toBe("sample");
  expect(() => predictionWith(undefined, says("rf", "unknown"))).toThrow(
    /v2\.ckpt: .*predicts "rf".*epsilon, v and sample/,
  );
  expect(predictionWith({ parameterization: "x0" }, says("rf", "unknown"))[0]).toBe("sample");
});

test("a file's own noise schedule is taken where a yaml has none", () => {
  const opened = { ...stableDiffusion2, source: file([0.1, 0.2, 0.25]) };
  const betasWith = (params?: object) => {
    const { json } = singleFileScheduler(opened, params && hintsFromLdm({ model: { params } }));
    return (json.trained_betas as number[] | undefined)?.map((beta) => Number(beta.toFixed(6)));
  };
  expect(betasWith()).toEqual([0.1, 0.2, 0.25]);
  expect(betasWith({ parameterization: "eps" })).toEqual([0.1, 0.2, 0.25]);
  expect(betasWith({ linear_start: 0.00085, linear_end: 0.012 })).toBeUndefined();
});
