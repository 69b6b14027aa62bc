import { ControlNetError } from "@controlnet-js/core";
import { bytesPerElement } from "../dtype.js";
import { quote } from "../quote.js";
import type { RandomAccess } from "../random-access.js";
import { elementCount, type NamedTensor } from "../tensor-source.js";
import { crc32 } from "./crc32.js";
import { pickleLimits } from "./pickle-machine.js";
import type { PickleTensor } from "./pickle-values.js";
import { gather, isContiguous, span } from "./strides.js";
import { readZipDirectory, type ZipEntry } from "./zip-directory.js";

/** A PyTorch file: the pickle that describes its tensors and the files that hold their elements. */
export interface TorchArchive {
  pickle: Uint8Array;
  /**
   * The tensor that a descriptor stands for, its storage and bounds having been checked.
   * @throws ControlNetError `format` where they don't fit
   */
  tensor(name: string, descriptor: PickleTensor): NamedTensor;
}

const checkChunk = 16 * 2 ** 20;

/**
 * Opens the zip archive that `torch.save` writes.
 * @throws ControlNetError `format` or `unsupported` where it is none, saying what it is
 */
export function openTorchArchive(file: RandomAccess, where: string): TorchArchive {
  const fail = (code: "format" | "unsupported", message: string): never => {
    throw new ControlNetError(code, `${where}: ${message}`);
  };
  const entries = readZipDirectory(file, where);
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const pickles = entries.filter(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
  const [found] = pickles;
  if (!found) return fail("unsupported", "a zip archive without data.pkl, so not a file of torch.save");
  if (pickles.length > 1) fail("format", "an archive with two data.pkl");
  const root = found.name.slice(0, -"data.pkl".length);
  if (byName.has(`${root}constants.pkl`) || entries.some(({ name }) => name.startsWith(`${root}code/`)))
    fail("unsupported", "a TorchScript program, not a file of weights; save its state_dict() instead");
  // torch.save can be told to leave the checksums out; it then writes zero for every file.
  const recorded = entries.some(({ crc }) => crc !== 0);
  const sum = file.crc32 ?? crc32;
  const checked = new Set<string>();
  const check = (entry: ZipEntry, whole?: Uint8Array): void => {
    if (!recorded || checked.has(entry.name)) return;
    let crc = whole ? sum(whole, 0) : 0;
    for (let at = entry.start; !whole && at < entry.end; at += checkChunk)
      crc = sum(file.read(at, Math.min(at + checkChunk, entry.end)), crc);
    if (crc >>> 0 !== entry.crc)
      fail("format", `the checksum of ${quote(entry.name)} is wrong; the file is damaged, fetch it again`);
    checked.add(entry.name);
  };
  const order = byName.get(`${root}byteorder`);
  if (order) {
    check(order);
    const text = new TextDecoder().decode(file.read(order.start, Math.min(order.end, order.start + 16)));
    if (text !== "little")
      fail("unsupported", `the file's byte order is ${quote(text)}; save it on a little-endian machine`);
  }
  if (found.end - found.start > pickleLimits.bytes)
    fail("format", `its pickle has ${found.end - found.start} bytes`);
  const readChecked = (entry: ZipEntry, start: number, end: number): Uint8Array => {
    const whole = start === entry.start && end === entry.end;
    if (!whole) check(entry);
    const bytes = file.read(start, end);
    if (whole) check(entry, bytes);
    return bytes;
  };
  return {
    pickle: readChecked(found, found.start, found.end),
    tensor(name, descriptor) {
      const { storage, dtype, offset, shape, strides } = descriptor;
      const wrong = (message: string): never => fail("format", `tensor ${quote(name)}: ${message}`);
      const width = bytesPerElement(dtype);
      const entry = byName.get(`${root}data/${storage.key}`);
      if (!entry) return wrong(`its storage ${quote(storage.key)} is not in the archive`);
      const declared = storage.count * (storage.dtype ? bytesPerElement(storage.dtype) : 1);
      const stored = entry.end - entry.start;
      if (declared !== stored) wrong(`its storage has ${stored} bytes, but ${declared} were declared`);
      const count = elementCount(shape);
      const reach = span(shape, strides);
      if (!Number.isSafeInteger(count) || !Number.isSafeInteger(reach) || (offset + reach) * width > stored)
        wrong(
          `its shape [${shape.join(", ")}] and strides [${strides.join(", ")}] at ${offset} reach past its storage`,
        );
      if (count * width > stored)
        wrong(
          `its shape [${shape.join(", ")}] repeats the elements of its storage; call .contiguous() before saving`,
        );
      const start = entry.start + offset * width;
      return {
        name,
        dtype,
        shape: [...shape],
        bytes() {
          const bytes = readChecked(entry, start, start + reach * width);
          return isContiguous(shape, strides) ? bytes : gather(bytes, shape, strides, width);
        },
      };
    },
  };
}
