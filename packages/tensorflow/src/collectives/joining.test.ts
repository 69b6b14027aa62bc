import { connect, createServer, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { afterEach, expect, test, vi } from "vitest";
import { formatAddress, isLoopback, parseAddress } from "./addresses.js";
import { connectGroup } from "./connect.js";
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

afterEach(() => vi.unstubAllEnvs());

/** A connection that is open, and what came over it when it was closed. */
function stranger(port: number, host = "127.0.0.1"): Promise<{ socket: Socket; heard: Promise<string> }> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port }, () => resolve({ socket, heard }));
    let text = "";
    socket.on("data", (chunk) => (text += chunk.toString()));
    const heard = new Promise<string>((over) => socket.once("close", () => over(text)));
    socket.on("error", reject);
  });
}

const says = async (port: number, text: string): Promise<string> => {
  const { socket, heard } = await stranger(port);
  socket.write(text);
  return await heard;
};

const external = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ internal, family }) => !internal && family === "IPv4")?.address;

for (const host of ["127.0.0.1", "localhost", "127.0.0.5", "::1", "[::1]"])
  test.skipIf(!external)(`a meeting at ${host} is not reached from other addresses`, async () => {
    const port = await freePort();
    const first = meet(`${host}:${port}`, 0, 2, 1111, 20);
    const second = stranger(port, parseAddress(`${host}:${port}`).host);
    await expect(stranger(port, external)).rejects.toThrow("ECONNREFUSED");
    (await second).socket.destroy();
    await meet(`${host}:${port}`, 1, 2, 2222, 20);
    expect(await first).toHaveLength(2);
  });

test.skipIf(!external)("a meeting at another interface is not reached over loopback", async () => {
  const port = await freePort();
  const first = meet(`${external}:${port}`, 0, 2, 1111, 20);
  expect(await meet(`${external}:${port}`, 1, 2, 2222, 20)).toEqual([`${external}:1111`, `${external}:2222`]);
  await first;
  const other = meet(`${external}:${port}`, 0, 2, 1, 0.5);
  await expect(stranger(port)).rejects.toThrow("ECONNREFUSED");
  await expect(other).rejects.toThrow("did not come");
});

test("a meeting at an address of no interface is refused, but for groups with a token", async () => {
  const port = await freePort();
  await expect(meet(`203.0.113.9:${port}`, 0, 2, 1, 5)).rejects.toMatchObject({
    code: "config",
    message: expect.stringMatching(/set MASTER_ADDR to an address of process 0's machine/),
  });
  await expect(meet(`no.such.host.invalid:${port}`, 0, 2, 1, 5)).rejects.toMatchObject({ code: "config" });
  const first = meet(`203.0.113.9:${port}`, 0, 2, 1111, 10, "secret");
  await meet(`127.0.0.1:${port}`, 1, 2, 2222, 10, "secret");
  expect(await first).toEqual(["203.0.113.9:1111", "127.0.0.1:2222"]);
});

test("who does not know the token takes no rank, and the group meets without delay", async () => {
  const port = await freePort();
  const meeting = `127.0.0.1:${port}`;
  const first = meet(meeting, 0, 2, 1111, 30, "secret");
  const proof = "0".repeat(64);
  for (const claim of [
    { rank: 1, port: 9 },
    { rank: 1, port: 9, nonce: "n" },
    { rank: 1, port: 9, nonce: "n", proof: "" },
    { rank: 1, port: 9, nonce: "n", proof },
    { rank: 1, port: 9, nonce: "n", proof: [proof] },
    { rank: 1, port: 9, nonce: "n", proof: { length: 64 }, token: "secret" },
  ])
    expect(await says(port, `${JSON.stringify(claim)}\n`)).not.toContain("addresses");
  const addresses = ["127.0.0.1:1111", "127.0.0.1:2222"];
  expect(await meet(meeting, 1, 2, 2222, 30, "secret")).toEqual(addresses);
  expect(await first).toEqual(addresses);
});

test("the launcher's variable is the token, and is never sent", async () => {
  vi.stubEnv("CONTROLNET_GROUP_TOKEN", "open sesame");
  const heard: string[] = [];
  const port = await freePort();
  const server = createServer((socket) => socket.on("data", (chunk) => heard.push(chunk.toString())));
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  await expect(meet(`127.0.0.1:${port}`, 1, 2, 2222, 1)).rejects.toMatchObject({ code: "aborted" });
  await new Promise((resolve) => server.close(resolve));
  expect(heard.join("")).toContain('"proof"');
  expect(heard.join("")).not.toContain("sesame");
  const first = meet(`127.0.0.1:${port}`, 0, 2, 1111, 20);
  expect(await meet(`127.0.0.1:${port}`, 1, 2, 2222, 20, "open sesame")).toEqual(await first);
});

test("processes with different tokens say so, long before the time-out", { timeout: 30_000 }, async () => {
  const differ = async (one: string, other: string): Promise<void> => {
    const port = await freePort();
    const first = meet(`127.0.0.1:${port}`, 0, 2, 1111, 7, one);
    const joining = meet(`127.0.0.1:${port}`, 1, 2, 2222, 1000, other);
    await Promise.all([
      expect(joining).rejects.toMatchObject({
        code: "config",
        message: expect.stringMatching(/CONTROLNET_GROUP_TOKEN/),
      }),
      expect(first).rejects.toThrow(/did not come .*refused: 127.0.0.1 as rank 1/),
    ]);
  };
  await Promise.all([differ("a", "b"), differ("a", ""), differ("", "b")]);
});

test("the first claim of a rank counts; a second is refused, and both sides name it", async () => {
  const port = await freePort();
  const meeting = `127.0.0.1:${port}`;
  const first = meet(meeting, 0, 3, 1111, 3);
  const one = meet(meeting, 1, 3, 2222, 20);
  one.catch(() => {});
  await vi.waitFor(async () => {
    await expect(meet(meeting, 1, 3, 3333, 20)).rejects.toMatchObject({
      code: "config",
      message: expect.stringMatching(/refused rank 1: the process at 127\.0\.0\.1:2222 has that rank/),
    });
  });
  await expect(first).rejects.toThrow(/processes 2 did not come .*127\.0\.0\.1 as rank 1: the process at/);
});

test("a process that leaves before all are here may come again", async () => {
  const port = await freePort();
  const meeting = `127.0.0.1:${port}`;
  const first = meet(meeting, 0, 3, 1111, 20);
  const leaver = await stranger(port);
  leaver.socket.end(`{"rank":1,"port":9,"nonce":"first"}\n`);
  await leaver.heard;
  const others = [meet(meeting, 1, 3, 2222, 20), meet(meeting, 2, 3, 3333, 20)];
  for (const list of await Promise.all([first, ...others]))
    expect(list).toEqual(["127.0.0.1:1111", "127.0.0.1:2222", "127.0.0.1:3333"]);
});

test("hundreds of silent, slow or endless strangers delay nobody", { timeout: 60_000 }, async () => {
  const port = await freePort();
  const meeting = `127.0.0.1:${port}`;
  const first = meet(meeting, 0, 2, 1111, 50);
  const strangers = await Promise.all(Array.from({ length: 300 }, () => stranger(port)));
  const drip = setInterval(() => {
    for (const { socket } of strangers) if (socket.writable) socket.write("{");
  }, 50);
  // Most are sent away at once; those that stay are few, and go once their time is over.
  await vi.waitFor(
    () => expect(strangers.filter(({ socket }) => !socket.closed).length).toBeLessThan(100),
    4000,
  );
  const endless = await stranger(port);
  endless.socket.write("x".repeat(1 << 20));
  await endless.heard;
  await vi.waitFor(() => expect(strangers.every(({ socket }) => socket.closed)).toBe(true), 20_000);
  clearInterval(drip);
  expect(await meet(meeting, 1, 2, 2222, 20)).toEqual(await first);
});

test.each([
  ["no JSON", "HTTP/1.1 400 Bad Request\r\n\r\n"],
  ["a list of another length", '{"addresses":["a:1"]}\n'],
  ["a list without this process", '{"addresses":["a:1","b:2"]}\n'],
  ["no addresses", '{"addresses":[{"a":1},":2222"]}\n'],
  ["a line without end", "x".repeat(1 << 20)],
])("what answers with %s is not process 0", async (_, text) => {
  const port = await freePort();
  const false0 = createServer((socket) =>
    socket
      .on("error", () => {})
      .resume()
      .end(text),
  );
  await new Promise<void>((resolve) => false0.listen(port, "127.0.0.1", resolve));
  const joining = meet(`127.0.0.1:${port}`, 1, 2, 2222, 20);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await new Promise((resolve) => false0.close(resolve));
  expect(await meet(`127.0.0.1:${port}`, 0, 2, 1111, 20)).toEqual(await joining);
});

test("an unlaunched group off loopback without a token is warned of", async () => {
  const said = async (host: string, token: string): Promise<string> => {
    vi.stubEnv("CONTROLNET_GROUP_TOKEN", token);
    const lines: string[] = [];
    const ranks = { rank: 0, size: 2, meeting: `${host}:${await freePort()}`, launcher: "Slurm" } as const;
    const options = { ranks, collectives: "tensorflow", timeoutSeconds: 0.1 } as const;
    await connectGroup({ ...options, log: (line) => lines.push(line) }).catch(() => {});
    return lines.join("\n");
  };
  expect(await said("203.0.113.9", "")).toMatch(
    /WARNING: whoever reaches 203\.0\.113\.9:.*CONTROLNET_GROUP_TOKEN/,
  );
  expect(await said("203.0.113.9", "secret")).toBe("");
  // A name to the resolver, as Debian's own host name is.
  expect(await said("127.1", "")).toMatch(/127\.1 is 127\.0\.0\.1 on this machine.*set MASTER_ADDR/);
  expect(await said("localhost", "")).toBe("");
});

test("addresses: IPv6 with and without brackets; what is loopback", () => {
  expect(parseAddress("[fd00::2]:80")).toEqual({ host: "fd00::2", port: 80 });
  expect(parseAddress("::1:80")).toEqual({ host: "::1", port: 80 });
  expect(formatAddress({ host: "fd00::2", port: 80 })).toBe("[fd00::2]:80");
  const hosts = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "128.0.0.1", "::2", "0.0.0.0", "node1"];
  expect(hosts.filter(isLoopback)).toEqual(hosts.slice(0, 4));
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
