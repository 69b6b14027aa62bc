import { connect } from "node:net";
import { expect, test } from "vitest";
import { freePort, meet } from "./meeting.js";
import { mpiLibraryNames, startedByMpi } from "./mpi-library.js";
import { ranksFromEnvironment } from "./ranks.js";

test("meeting fails with the missing ranks after the time-out", async () => {
  const port = await freePort();
  await expect(meet(`127.0.0.1:${port}`, 0, 3, 1, 0.5)).rejects.toThrow(/processes 1, 2 did not come/);
});

test("strangers at the meeting's port are sent away and keep nobody out", async () => {
  const port = await freePort();
  const meeting = `127.0.0.1:${port}`;
  const first = meet(meeting, 0, 2, 1111, 10);
  const speak = (text: string) =>
    new Promise<void>((resolve) => {
      const socket = connect({ host: "127.0.0.1", port }, () => socket.write(text));
      socket.on("error", () => {}).on("close", () => resolve());
    });
  for (const text of ["GET / HTTP/1.0\r\n\r\n", "{}\n", '{"rank":7,"port":9}\n', "x".repeat(2000)])
    await speak(text);
  const addresses = ["127.0.0.1:1111", "127.0.0.1:2222"];
  expect(await meet(meeting, 1, 2, 2222, 10)).toEqual(addresses);
  expect(await first).toEqual(addresses);
});

test("a meeting's port that is taken is named, with the way out", async () => {
  const port = await freePort();
  const first = meet(`127.0.0.1:${port}`, 0, 2, 1, 0.5);
  await expect(meet(`127.0.0.1:${port}`, 0, 2, 1, 5)).rejects.toMatchObject({
    code: "config",
    message: expect.stringContaining("choose another MASTER_PORT"),
  });
  await expect(first).rejects.toThrow("did not come");
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

test("the library of the launcher's own family comes first, and a named one alone", () => {
  expect(mpiLibraryNames("Open MPI", {})[0]).toBe("libmpi.so.40");
  expect(mpiLibraryNames("PMI", {})[0]).toMatch(/^libmpi_abi/);
  expect(mpiLibraryNames("PMI", { CONTROLNET_MPI: "/opt/mpi/lib/libmpi.so" })).toEqual([
    "/opt/mpi/lib/libmpi.so",
  ]);
  expect(startedByMpi("PMI", {})).toBe(true);
  expect(startedByMpi("Slurm", {})).toBe(false);
  expect(startedByMpi("Slurm", { PMIX_RANK: "0" })).toBe(true);
  expect(startedByMpi("torchrun", {})).toBe(false);
});
