import { expect, test } from "vitest";
import { joinGroup } from "./join-group.js";

test("processes compute together on TensorFlow only", async () => {
  for (const engine of ["wasm", "cpu"])
    await expect(joinGroup({ engine })).rejects.toMatchObject({
      code: "config",
      message: expect.stringMatching(`not on "${engine}"; choose tensorflow`),
    });
  await expect(joinGroup({ engine: "tensorflow-tpu" })).rejects.toThrow(/did you mean "tensorflow-gpu"/);
});
