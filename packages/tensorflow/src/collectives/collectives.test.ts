import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { freePort, meet } from "./meeting.js";
import { ranksFromEnvironment } from "./ranks.js";

const workspace = fileURLToPath(new URL("../../../../", import.meta.url));
const tsx = createRequire(`${workspace}package.json`).resolve("tsx");
const fixture = fileURLToPath(new URL("./group.fixture.ts", import.meta.url));

interface Outcome {
  code: number | null;
  printed: unknown;
}

/** Starts `size` processes that do `what`; resolves when all have ended. */
async function group(
  size: number,
  what: string,
  environment: Record<string, string> = {},
): Promise<Outcome[]> {
  const port = await freePort();
  const one = (rank: number): Promise<Outcome> =>
    new Promise((resolve) => {
      const env = {
        ...process.env,
        RANK: `${rank}`,
        WORLD_SIZE: `${size}`,
        MASTER_ADDR: "127.0.0.1",
        MASTER_PORT: `${port}`,
        ...environment,
      };
      const child = spawn(
        process.execPath,
        ["--conditions=@controlnet-js/source", "--import", tsx, fixture, what],
        {
          env,
          cwd: workspace,
          stdio: ["ignore", "pipe", "ignore"],
        },
      );
      let text = "";
      child.stdout.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      child.on("close", (code) =>
        resolve({ code, printed: text ? JSON.parse(text.trim().split("\n").at(-1)!) : undefined }),
      );
    });
  return await Promise.all(Array.from({ length: size }, (_, rank) => one(rank)));
}

for (const size of [2, 3, 4])
  test(`${size} processes: exact sums, broadcast, buckets, health`, { timeout: 240_000 }, async () => {
    const outcomes = await group(size, "sums");
    const total = (size * (size + 1)) / 2;
    const first = (outcomes[0]!.printed as { sum: number[] }).sum;
    expect(first.slice(0, 2)).toEqual([total, 10 * total]);
    for (const { code, printed } of outcomes) {
      expect(code).toBe(0);
      expect(printed).toMatchObject({
        sum: first,
        again: first,
        whole: [(size * (size - 1)) / 2],
        shapes: [[3], [2, 2], [300]],
        last: (size * (size - 1)) / 2,
        health: "alive",
      });
      expect((printed as { fromOne: number[] }).fromOne[1]).toBe(20);
    }
  });

test("an empty tensor is refused before it reaches TensorFlow", { timeout: 240_000 }, async () => {
  for (const { printed } of await group(2, "refuse"))
    expect(printed).toMatch(/expected a float32 or int32 tensor with elements/);
});

test("a killed peer is noticed with a typed error", { timeout: 240_000 }, async () => {
  const [first] = await group(2, "die");
  expect(first!.printed).toEqual({ outcome: "aborted", health: "dead" });
});

test("a peer that does not come is noticed within the time-out", { timeout: 240_000 }, async () => {
  const [first] = await group(2, "stall", { GROUP_TIMEOUT: "8" });
  expect(first!.printed).toBe("aborted");
});

test("meeting fails with the missing ranks after the time-out", async () => {
  const port = await freePort();
  await expect(meet(`127.0.0.1:${port}`, 0, 3, 1, 0.5)).rejects.toThrow(/processes 1, 2 did not come/);
});

test("ranks come from any launcher", () => {
  const TF_CONFIG = JSON.stringify({
    cluster: { chief: ["a:1"], worker: ["b:2", "c:3"] },
    task: { type: "worker", index: 1 },
  });
  expect(ranksFromEnvironment({ TF_CONFIG })).toEqual({
    rank: 2,
    size: 3,
    addresses: ["a:1", "b:2", "c:3"],
    launcher: "TF_CONFIG",
  });
  expect(ranksFromEnvironment({ RANK: "1", WORLD_SIZE: "4", MASTER_ADDR: "h", MASTER_PORT: "5" })).toEqual({
    rank: 1,
    size: 4,
    meeting: "h:5",
    launcher: "torchrun",
  });
  expect(ranksFromEnvironment({ SLURM_PROCID: "0", SLURM_NTASKS: "2" }).launcher).toBe("Slurm");
  expect(ranksFromEnvironment({ OMPI_COMM_WORLD_RANK: "0", OMPI_COMM_WORLD_SIZE: "2" }).launcher).toBe(
    "Open MPI",
  );
  expect(ranksFromEnvironment({})).toEqual({ rank: 0, size: 1, launcher: "none" });
  expect(() => ranksFromEnvironment({ RANK: "4", WORLD_SIZE: "4" })).toThrow(/rank 4 of 4/);
  expect(() => ranksFromEnvironment({ TF_CONFIG: "{" })).toThrow(/TF_CONFIG/);
});
