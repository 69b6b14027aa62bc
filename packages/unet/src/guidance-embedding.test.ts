import { expect, test } from "vitest";
import { embedGuidance } from "./guidance-embedding.js";

// diffusers' get_guidance_scale_embedding, whose angles reach thousands in single precision.
test("a guidance is embedded as in diffusers' pipelines", () => {
  const odd = [-0.851236, 0.562671, -0.435233, 0.681639, -0.524783, -0.826681, -0.900318, 0.731689, 0];
  for (const [i, value] of odd.entries()) expect(embedGuidance(8.5, 9)[i]).toBeCloseTo(value, 5);
  const wide = [0.821327, -0.800344, 0.852863, -0.79395, 0.964038, 0.999254, -0.945772, -0.206584, -0.826455];
  const got = embedGuidance(7.9, 256);
  for (const [i, value] of wide.entries()) expect(got[1 + 23 * i]).toBeCloseTo(value, 5);
});
