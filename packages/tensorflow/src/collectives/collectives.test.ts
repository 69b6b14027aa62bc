import { expect, test } from "vitest";
import { mpich, openMpi, plainProcesses, startGroup } from "../testing/launch-group.js";
import { isLoopback } from "./addresses.js";

const patience = { timeout: 240_000 };

for (const launcher of [plainProcesses, openMpi, mpich]) {
  const title = launcher.missing ? `${launcher.name} (skipped: ${launcher.missing})` : launcher.name;
  const check = test.skipIf(launcher.missing !== undefined);

  for (const size of [2, 3, 4]) {
    check(`${title}: ${size} processes: exact sums, broadcast, health`, patience, async () => {
      const outcomes = await startGroup(launcher, size, "sums");
      const total = (size * (size + 1)) / 2;
      const first = (outcomes[0]!.reported as { sum: number[] }).sum;
      expect(first.slice(0, 2)).toEqual([total, 10 * total]);
      for (const { code, reported } of outcomes) {
        expect(code).toBe(0);
        expect(reported).toMatchObject({
          sum: first,
          again: first,
          whole: [(size * (size - 1)) / 2],
          wrong: 0,
          health: "alive",
        });
        expect((reported as { fromOne: number[] }).fromOne[1]).toBe(20);
      }
      // The others waited for the last one, and their timers went on.
      expect((outcomes[0]!.reported as { ticks: number }).ticks).toBeGreaterThan(2);
    });

    check(`${title}: ${size} processes: sums and means in buckets are exact`, patience, async () => {
      const ranks = Array.from({ length: size }, (_, rank) => rank);
      const total = ranks.reduce((a, b) => a + b, 0);
      const ramp = Array.from({ length: 300 }, (_, i) => size * i + total);
      const sums = [Array(3).fill(total), Array(4).fill(2 * total), ramp, [total]];
      const means = sums.map((values) => values.map((value: number) => Math.fround(value / size)));
      for (const { reported } of await startGroup(launcher, size, "buckets"))
        for (const bucketBytes of [4, 64, 2 ** 20]) {
          expect(reported).toHaveProperty([`${bucketBytes} false`], sums);
          expect(reported).toHaveProperty([`${bucketBytes} true`], means);
        }
    });
  }

  check(`${title}: an empty tensor is refused before it reaches the engine`, patience, async () => {
    for (const { reported } of await startGroup(launcher, 2, "refuse"))
      expect(reported).toMatch(/expected a float32 or int32 tensor with elements/);
  });

  check(`${title}: a killed peer is noticed before the time-out`, patience, async () => {
    const [first] = await startGroup(launcher, 2, "die", { GROUP_TIMEOUT: "60" });
    if (launcher.endsSurvivors) return expect(first!.code).not.toBe(0);
    expect(first!.reported).toMatchObject({ code: "aborted", health: "dead" });
    expect((first!.reported as { seconds: number }).seconds).toBeLessThan(20);
  });

  check(`${title}: a peer that leaves early is noticed before the time-out`, patience, async () => {
    const [first] = await startGroup(launcher, 2, "vanish", { GROUP_TIMEOUT: "60" });
    expect(first!.reported).toMatchObject({ code: "aborted" });
    expect((first!.reported as { seconds: number }).seconds).toBeLessThan(20);
  });

  check(`${title}: a stopped peer is noticed at the time-out`, patience, async () => {
    const [first] = await startGroup(launcher, 2, "stop", { GROUP_TIMEOUT: "10" });
    expect(first!.reported).toMatchObject({ code: "aborted", health: "unresponsive" });
    expect((first!.reported as { seconds: number }).seconds).toBeLessThan(20);
  });

  check(`${title}: a peer that does not come is noticed at the time-out`, patience, async () => {
    const [first] = await startGroup(launcher, 2, "stall", { GROUP_TIMEOUT: "10" });
    expect(first!.reported).toMatchObject({ code: "aborted" });
    expect((first!.reported as { seconds: number }).seconds).toBeLessThan(20);
  });

  check(`${title}: abort makes the waiting operation and all later ones fail`, patience, async () => {
    const [first] = await startGroup(launcher, 2, "abort");
    expect(first!.reported).toMatchObject({ code: "aborted", next: { code: "aborted" } });
    expect((first!.reported as { seconds: number }).seconds).toBeLessThan(3);
  });
}

test("a group on loopback is deaf to other addresses, TensorFlow's server included", patience, async () => {
  for (const { code, reported } of await startGroup(plainProcesses, 2, "listen")) {
    expect(code).toBe(0);
    const { reached } = reported as { reached: Record<string, boolean> };
    for (const [address, accepted] of Object.entries(reached))
      expect([address, accepted]).toEqual([address, isLoopback(address)]);
    expect(reached["127.0.0.1"]).toBe(true);
  }
});
