import { createSchedule, interpret, levelOf, type Prediction } from "@controlnet-js/samplers";
import { expectClose, expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { type ClassifierGuidance, steer } from "./classifier-guidance.js";

beforeAll(useCpuBackend);

const shape: [number, number, number, number] = [2, 3, 2, 4];
const values = (of: (i: number) => number) =>
  tf.tensor4d(
    Float32Array.from({ length: 48 }, (_, i) => of(i)),
    shape,
  );

/** The noise that a raw output implies. */
const noiseOf = (prediction: Prediction, abar: number, latents: tf.Tensor4D, output: tf.Tensor4D) => {
  const { epsilon } = interpret(prediction, levelOf(abar));
  return tf.add(tf.mul(epsilon.latent, latents), tf.mul(epsilon.output, output));
};

describe("classifier guidance is eps - scale sigma grad", () => {
  test.each<Prediction>(["epsilon", "v", "sample"])("whatever the model predicts: %s", async (prediction) => {
    const schedule = createSchedule({ prediction });
    await expectNoTensorLeak(async () => {
      const latents = values((i) => Math.sin(i));
      const raw = values((i) => Math.cos(3 * i));
      const gradient: ClassifierGuidance["gradient"] = (given, { timestep, level }) => {
        expect(timestep).toBe(600);
        expect(level).toEqual(levelOf(schedule.alphasCumprod[600]!));
        return tf.tidy(() => tf.mul(given, -0.3) as tf.Tensor4D);
      };
      const before = tf.tidy(() => noiseOf(prediction, schedule.alphasCumprod[600]!, latents, raw));
      const steered = await steer(schedule, { gradient, scale: 0.7 }, latents, 600, raw);
      const { sigma } = levelOf(schedule.alphasCumprod[600]!);
      const wanted = tf.tidy(() => tf.sub(before, tf.mul(0.7 * sigma, tf.mul(latents, -0.3))));
      const got = tf.tidy(() => noiseOf(prediction, schedule.alphasCumprod[600]!, latents, steered));
      expectClose(got, wanted, 1e-5);
      expect(raw.isDisposed).toBe(true);
      tf.dispose([latents, before, steered, wanted, got]);
    });
  });

  test.each([0, 1])("of the raw epsilon itself, to the last digit that counts, scale %d", async (scale) => {
    const schedule = createSchedule();
    const latents = values((i) => i / 10);
    const gradient = () => values((i) => 1 + i);
    const steered = await steer(
      schedule,
      { gradient, scale },
      latents,
      250,
      values(() => 2),
    );
    const { sigma } = levelOf(schedule.alphasCumprod[250]!);
    expectClose(
      steered,
      Float32Array.from({ length: 48 }, (_, i) => 2 - scale * sigma * (1 + i)),
      1e-5,
    );
    tf.dispose([latents, steered]);
  });

  test("and nothing where no signal is left, of which v would else be infinite", async () => {
    const schedule = createSchedule({ prediction: "v", rescaleZeroTerminalSnr: true });
    const latents = values((i) => i);
    const steered = await steer(
      schedule,
      { gradient: () => values(() => 1) },
      latents,
      999,
      values((i) => i),
    );
    expectClose(steered, latents, 0);
    tf.dispose([latents, steered]);
  });
});
