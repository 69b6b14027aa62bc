import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { crc32c, EventWriter } from "./event-file.js";

async function recordsOf(path: string): Promise<Buffer[]> {
  const bytes = await readFile(path);
  const records: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    records.push(bytes.subarray(at + 12, at + 12 + length));
    at += 16 + length;
  }
  return records;
}

test("a record that could not be written leaves no trace", async () => {
  const folder = join(await mkdtemp(join(tmpdir(), "events-")), "events");
  const writer = new EventWriter(folder);
  await writeFile(folder, "in the way");
  const first = writer.scalars(1, { loss: 1 });
  const second = writer.scalars(2, { loss: 2 });
  await expect(first).rejects.toThrow();
  await expect(second).rejects.toThrow();
  await rm(folder);
  await Promise.all([writer.scalars(3, { loss: 3 }), writer.scalars(4, { loss: 4 })]);
  expect(await recordsOf(writer.path)).toHaveLength(3);
});

test("writes whole records", async () => {
  const writer = new EventWriter(await mkdtemp(join(tmpdir(), "events-")));
  await writer.scalars(3, { loss: 0.25 });
  await writer.scalars(4, { loss: 0.125, rate: 1 });
  const records = await recordsOf(writer.path);
  expect(records).toHaveLength(3);
  expect(records[0]!.toString("latin1")).toContain("brain.Event:2");
  expect(records[1]!.toString("latin1")).toContain("loss");
  expect(records[1]!.readFloatLE(records[1]!.length - 4)).toBe(0.25);
});

test("CRC-32C gives the values of RFC 3720, appendix B.4", () => {
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
});
