import { isControlNetError } from "@controlnet-js/core";
import { describe, expect, it } from "vitest";
import { cpuClock } from "../testing/cpu-time.js";
import { pickle } from "../testing/pickle-writer.js";
import { ascii, join, littleEndian, writeZip, type ZipEnd, type ZipPart } from "../testing/zip-writer.js";
import { parsePytorch } from "./parse-pytorch.js";

const elements = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
const body = pickle.file(pickle.dict(pickle.text("w"), pickle.tensor()));
const main: ZipPart = { name: "archive/data.pkl", data: body };
const storage: ZipPart = { name: "archive/data/0", data: elements };
const zip = (change: Partial<ZipPart> = {}, end: ZipEnd = {}) =>
  writeZip([main, { ...storage, ...change }], end);
const extra = (part: Partial<ZipPart>) =>
  writeZip([main, storage, { name: "archive/x", data: elements, ...part }]);
const sound = zip();
const zip64 = (values: number[]) =>
  join(littleEndian([1, 2], [values.length * 8, 2]), ...values.map((value) => littleEndian([value, 8])));

const cases: [what: string, bytes: Uint8Array, message: RegExp][] = [
  ["empty", new Uint8Array(0), /too few/],
  ["cut after its first header", sound.subarray(0, 60), /without its directory/],
  ["cut in its end record", sound.subarray(0, -3), /without its directory/],
  ["with bytes after its end", join(sound, Uint8Array.of(0)), /without its directory/],
  [
    "with bytes before its beginning",
    zip({}, { before: ascii("PK\u0003\u0004") }),
    /does not lie where|missing/,
  ],
  [
    "whose comment is shorter than told",
    zip({}, { comment: ascii("ab"), commentLength: 5 }),
    /without its directory/,
  ],
  [
    "whose comment is longer than told",
    zip({}, { comment: ascii("abcdef"), commentLength: 2 }),
    /without its directory/,
  ],
  ["of two disks", zip({}, { disk: 1 }), /several disks/],
  ["whose counts differ", zip({}, { countHere: 1 }), /contradicts itself/],
  ["with more entries than told", zip({}, { count: 1 }), /more than its entries/],
  ["with fewer entries than told", zip({}, { count: 3 }), /damaged|cut short|claims/],
  ["that claims 60000 entries", zip({}, { count: 60_000 }), /claims 60000 entries/],
  ["whose directory is longer than told", zip({}, { size: 10 }), /does not lie where/],
  ["whose directory is past the file", zip({}, { offset: 1e9 }), /does not lie where/],
  ["whose directory is at the beginning", zip({}, { offset: 0 }), /does not lie where/],
  ["that lacks its zip64 record", zip({}, { count: 0xffff }), /zip64 end record, which is missing/],
  ["whose zip64 record is elsewhere", zip({}, { zip64: { place: 3 } }), /zip64 end record is missing/],
  ["whose zip64 record is past the file", zip({}, { zip64: { place: 2 ** 40 } }), /outside the archive/],
  ["whose zip64 record is past 2^53", zip({}, { zip64: { place: 2 ** 60 } }), /past 2\^53/],
  ["whose zip64 locator is alone", zip({}, { zip64: { lone: true } }), /outside the archive|missing/],
  ["whose zip64 record disagrees on the count", zip({}, { zip64: { count: 7 } }), /disagree/],
  [
    "whose zip64 record claims 2^40 entries",
    zip({}, { count: 0xffff, zip64: { count: 2 ** 40 } }),
    /at most/,
  ],
  ["whose zip64 record disagrees on the place", zip({}, { zip64: { offset: 7 } }), /disagree/],
  [
    "whose zip64 record claims a huge directory",
    zip({}, { size: 0xffffffff, zip64: { size: 2 ** 45 } }),
    /at most|does not lie/,
  ],
  ["of 9 disks by zip64", zip({}, { zip64: { disks: 9 } }), /several disks/],
  [
    "with a directory entry that is none",
    zip({ central: { signature: 0x12345678 } }),
    /directory is damaged/,
  ],
  [
    "with a local header that is none",
    zip({ local: { signature: 0x12345678 } }),
    /local header .* is missing/,
  ],
  ["with an entry on another disk", zip({ central: { disk: 3 } }), /several disks/],
  [
    "with an encrypted entry",
    zip({ central: { flags: 1 }, local: { flags: 1 } }),
    /"archive\/data\/0" is encrypted/,
  ],
  ["with strong encryption", zip({ central: { flags: 0x41 } }), /encrypted/],
  ["with a masked directory", zip({ central: { flags: 0x2000 } }), /encrypted/],
  ["encrypted only by its local header", zip({ local: { flags: 1 } }), /contradicts/],
  [
    "with a deflated entry",
    zip({ central: { method: 8 }, local: { method: 8 } }),
    /compressed \(method 8\); torch\.save stores/,
  ],
  ["with an unknown method", zip({ central: { method: 99 } }), /method 99/],
  ["deflated only by its local header", zip({ local: { method: 8 } }), /contradicts/],
  ["with another name in the local header", zip({ local: { name: "archive/data/9" } }), /contradicts/],
  ["with another size in the local header", zip({ local: { size: 8 } }), /contradicts/],
  ["with another packed size in the local header", zip({ local: { packed: 8 } }), /contradicts/],
  ["with another checksum in the local header", zip({ local: { crc: 8 } }), /contradicts/],
  ["with two sizes for stored bytes", zip({ central: { packed: 8 } }), /two sizes differ/],
  [
    "with a size past the file",
    zip({ central: { size: 1e9, packed: 1e9 }, local: { size: 1e9, packed: 1e9 } }),
    /past the archive/,
  ],
  [
    "with a size into the directory",
    zip({ central: { size: 20, packed: 20 }, local: { size: 20, packed: 20 } }),
    /past the archive/,
  ],
  [
    "with a smaller size",
    zip({ central: { size: 12, packed: 12 }, local: { size: 12, packed: 12 } }),
    /has 12 bytes, but 16 were declared/,
  ],
  [
    "with a lying checksum of the elements",
    zip({ central: { crc: 1 }, local: { crc: 1 } }),
    /checksum of "archive\/data\/0" is wrong/,
  ],
  [
    "with a lying checksum of the pickle",
    writeZip([{ ...main, central: { crc: 1 }, local: { crc: 1 } }, storage]),
    /checksum of "archive\/data.pkl"/,
  ],
  [
    "with one checksum left out",
    zip({ central: { crc: 0 }, local: { crc: 0 } }),
    /checksum of "archive\/data\/0"/,
  ],
  ["with a local header past the file", zip({ central: { header: 1e9 } }), /outside the archive/],
  [
    "with a local header in the directory",
    zip({ central: { header: sound.byteLength - 40 } }),
    /outside the archive|missing/,
  ],
  ["with two entries at one place", zip({ central: { header: 0 } }), /contradicts/],
  [
    "with an entry inside another",
    writeZip([
      { ...main, data: join(body, writeZip([storage]).subarray(0, 60)) },
      { ...storage, central: { header: 30 + 16 + body.byteLength } },
    ]),
    /overlap/,
  ],
  ["with an entry twice", extra({ name: "archive/data/0" }), /lists "archive\/data\/0" twice/],
  [
    "with a zip64 size it does not have",
    zip({ central: { size: 0xffffffff, packed: 0xffffffff } }),
    /lacks its zip64 sizes/,
  ],
  [
    "with a short zip64 field",
    zip({ central: { size: 0xffffffff, packed: 0xffffffff, extra: zip64([16]) } }),
    /lacks its zip64 sizes/,
  ],
  [
    "with a zip64 size past the file",
    zip({ central: { size: 0xffffffff, packed: 0xffffffff, extra: zip64([2 ** 50, 2 ** 50]) } }),
    /contradicts|past the archive/,
  ],
  [
    "with a zip64 size past 2^53",
    zip({ central: { size: 0xffffffff, packed: 0xffffffff, extra: zip64([2 ** 62, 2 ** 62]) } }),
    /past 2\^53/,
  ],
  [
    "with a damaged extra field",
    zip({ central: { extra: littleEndian([7, 2], [500, 2]) } }),
    /damaged extra field/,
  ],
  ["with a name that climbs", extra({ name: "archive/../../x" }), /unsafe name/],
  ["with an absolute name", extra({ name: "/etc/passwd" }), /unsafe name/],
  ["with a drive", extra({ name: "C:/x" }), /unsafe name/],
  ["with backslashes", extra({ name: "archive\\..\\x" }), /unsafe name/],
  ["with a zero in a name", extra({ name: "archive/a\0b" }), /unsafe name/],
  ["with an empty name", extra({ name: "" }), /unsafe name/],
  ["with a name that is not UTF-8", extra({ name: Uint8Array.of(0xff, 0xfe) }), /not UTF-8/],
  [
    "with a name longer than its directory",
    join(sound.subarray(0, -22), sound.subarray(-22)).map((b, i, all) =>
      i === all.length - 22 - 14 - 46 + 28 ? 255 : b,
    ),
    /cut short|unsafe|contradicts|damaged|not UTF-8/,
  ],
  [
    "that is no file of torch.save",
    writeZip([{ name: "word/document.xml", data: elements }]),
    /without data\.pkl/,
  ],
  ["with data.pkl in no folder", writeZip([{ name: "data.pkl", data: body }]), /without data\.pkl/],
  ["with two data.pkl", writeZip([main, storage, { name: "b/data.pkl", data: body }]), /two data\.pkl/],
  ["that is TorchScript", extra({ name: "archive/code/__torch__.py" }), /TorchScript/],
  ["that is TorchScript by its constants", extra({ name: "archive/constants.pkl" }), /TorchScript/],
  ["of big-endian bytes", extra({ name: "archive/byteorder", data: ascii("big") }), /byte order is "big"/],
  ["without a storage", writeZip([main]), /"0" is not in the archive/],
  [
    "with the storage in another folder",
    writeZip([main, { ...storage, name: "b/data/0" }]),
    /not in the archive/,
  ],
  ["that is a tar", join(new Uint8Array(257), ascii("ustar"), new Uint8Array(500)), /old tar file/],
  ["that is a bare pickle", join(body, new Uint8Array(30)), /bare Python pickle/],
  ["that is gzip", join(Uint8Array.of(0x1f, 0x8b), new Uint8Array(50)), /gzip/],
  ["that is a web page", ascii("<!doctype html><html><body>404</body></html>"), /web page/],
  ["that is safetensors", join(littleEndian([40, 8]), ascii(`{}${" ".repeat(38)}`)), /safetensors/],
  ["that is a pointer of Git LFS", ascii("version https://git-lfs.github.com/spec/v1\noid"), /Git LFS/],
  ["that is noise", new Uint8Array(300).fill(7), /not a zip archive/],
];

describe("a hostile archive is refused", () => {
  it.each(cases)("%s", (_, bytes, message) => {
    const spent = cpuClock();
    let thrown: unknown;
    try {
      const source = parsePytorch(bytes, "x.ckpt");
      for (const name of source.names()) source.get(name).bytes();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toSatisfy(
      (error) => isControlNetError(error) && ["format", "unsupported"].includes(error.code),
    );
    expect(String(thrown)).toMatch(message);
    expect(String(thrown)).toMatch(/x\.ckpt/);
    expect(spent()).toBeLessThan(1000);
  });

  it.each<[string, Uint8Array]>([
    ["a plain one", sound],
    ["one with a comment", zip({}, { comment: ascii("PK\u0005\u0006 hello") })],
    ["one with zip64 records", zip({}, { zip64: {} })],
    [
      "one with zip64 records that are needed",
      zip({}, { count: 0xffff, size: 0xffffffff, offset: 0xffffffff, zip64: {} }),
    ],
    [
      "one with zip64 sizes",
      zip({
        central: { size: 0xffffffff, packed: 0xffffffff, extra: zip64([16, 16]) },
        local: { size: 0xffffffff, packed: 0xffffffff },
      }),
    ],
    [
      "one with sizes told after the bytes",
      zip({ central: { flags: 0x808 }, local: { flags: 0x808, crc: 0, size: 0, packed: 0 } }),
    ],
    ["one with other files beside", extra({ name: "archive/.data/serialization_id" })],
  ])("while %s is read", (_, bytes) => {
    expect(parsePytorch(bytes).get("w").bytes()).toEqual(elements);
  });
});
