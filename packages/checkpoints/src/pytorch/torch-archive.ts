import { ControlNetError, crc32 } from "@controlnet-js/core";
import { bytesPerElement } from "../dtype.js";
import { quote } from "../quote.js";
import type { RandomAccess } from "../random-access.js";
import { elementCount, type NamedTensor } from "../tensor-source.js";
import { pickleLimits } from "./pickle-machine.js";
import type { PickleTensor } from "./pickle-values.js";
import { gather, isContiguous, span } from "./strides.js";
import { readZipDirectory, type ZipEntry } from "./zip-directory.js";

/** A PyTorch file: the pickle that describes its tensors and the files that hold their elements. */
export interface TorchArchive {
  pickle: Uint8Array;
  /**
   * Checks the storages and bounds of descriptors, and what their tensors would take.
   * @throws ControlNetError `format` where they don't fit
   */
  check(tensors: ReadonlyMap<string, PickleTensor>): void;
  /** The tensor that a checked descriptor stands for. */
  tensor(name: string, descriptor: PickleTensor): NamedTensor;
}

/** How many times the file's own size its tensors may take together; some are stored once and named twice. */
const sharing = 4;
/** How many times it may be read; views with holes are read whole. */
const reading = 16;
/** Bytes that tensors may take beyond that where they repeat their elements, as expanded ones do. */
const expansion = 16 * 2 ** 20;

/** The archive versions that torch reads (caffe2/serialize/versions.h). */
const versions = { oldest: 1, newest: 10 };

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
  const version = byName.get(`${root}.data/version`) ?? byName.get(`${root}version`);
  if (version) {
    check(version);
    checkVersion(file.read(version.start, Math.min(version.end, version.start + 64)), fail);
  }
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
  const entryOf = ({ storage }: PickleTensor) => byName.get(`${root}data/${storage.key}`);
  return {
    pickle: readChecked(found, found.start, found.end),
    check(tensors) {
      const took = { elements: 0, read: 0, whole: 0 };
      for (const [name, descriptor] of tensors) {
        const { storage, dtype, offset, shape, strides } = descriptor;
        const wrong = (message: string): never => fail("format", `tensor ${quote(name)}: ${message}`);
        const view = () => `its shape [${shape.join(", ")}] and strides [${strides.join(", ")}]`;
        const width = bytesPerElement(dtype);
        const entry = entryOf(descriptor);
        if (!entry) return wrong(`its storage ${quote(storage.key)} is not in the archive`);
        const declared = storage.count * (storage.dtype ? bytesPerElement(storage.dtype) : 1);
        const stored = entry.end - entry.start;
        if (declared !== stored) wrong(`its storage has ${stored} bytes, but ${declared} were declared`);
        const count = elementCount(shape);
        const reach = span(shape, strides);
        if (!Number.isSafeInteger(count) || !Number.isSafeInteger(reach) || (offset + reach) * width > stored)
          wrong(`${view()} at ${offset} reach past its storage`);
        took.elements += Math.min(count, reach) * width;
        took.read += reach * width;
        took.whole += count * width;
        if (count > reach && took.whole > sharing * file.size + expansion)
          wrong(
            `${view()}: it repeats the elements of its storage; the tensors would take ${took.whole} bytes, but the file has ${file.size}; call .contiguous() before saving`,
          );
      }
      if (took.elements > sharing * file.size)
        fail("format", `its tensors would take ${took.elements} bytes, but the file has ${file.size}`);
      if (took.read > reading * file.size)
        fail("format", `its tensors lie in ${took.read} bytes together, but the file has ${file.size}`);
    },
    tensor(name, descriptor) {
      const { dtype, offset, shape, strides } = descriptor;
      const width = bytesPerElement(dtype);
      return {
        name,
        dtype,
        shape: [...shape],
        bytes() {
          const entry = entryOf(descriptor)!;
          const start = entry.start + offset * width;
          const bytes = readChecked(entry, start, start + span(shape, strides) * width);
          return isContiguous(shape, strides) ? bytes : gather(bytes, shape, strides, width);
        },
      };
    },
  };
}

/** As torch reads it: a leading number counts, what follows it doesn't. */
function checkVersion(bytes: Uint8Array, fail: (code: "format" | "unsupported", message: string) => never) {
  const text = new TextDecoder().decode(bytes);
  const number = /^\s*\+?(\d+)/.exec(text)?.[1];
  if (number === undefined) return fail("format", `its version is ${quote(text)}, which is no number`);
  if (Number(number) < versions.oldest || Number(number) > versions.newest)
    fail(
      "unsupported",
      `an archive of version ${quote(number)}; torch reads ${versions.oldest} to ${versions.newest}. Load it in the Python that wrote it and save only its tensors, best as safetensors`,
    );
}
