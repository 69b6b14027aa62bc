import { appendFile, mkdir, truncate } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

/** A picture for TensorBoard's image tab. */
export interface EventImage {
  width: number;
  height: number;
  /** Encoded as PNG. */
  png: Uint8Array;
}

/**
 * Writes TensorBoard event files: TFRecord framing (tensorflow/core/lib/io/record_writer.h) around Event messages
 * (tensorflow/core/util/event.proto). Each call appends whole records, or, where the disk is full, none: readers stop at one
 * that is cut off.
 */
export class EventWriter {
  readonly path: string;
  /** Bytes of whole records so far. */
  #size = 0;
  /** Calls may overlap; records do not. */
  #last: Promise<void> = Promise.resolve();

  /** @param folder made if it is not there */
  constructor(private readonly folder: string) {
    this.path = join(
      folder,
      `events.out.tfevents.${Math.floor(Date.now() / 1000)}.${hostname()}.${process.pid}`,
    );
  }

  /** Appends one scalar a tag. */
  scalars(step: number, values: Readonly<Record<string, number>>): Promise<void> {
    return this.#append(
      step,
      Object.entries(values).map(([tag, value]) => message([text(1, tag), float(2, value)])),
    );
  }

  /** Appends pictures. */
  images(step: number, images: Readonly<Record<string, EventImage>>): Promise<void> {
    return this.#append(
      step,
      Object.entries(images).map(([tag, { width, height, png }]) =>
        message([
          text(1, tag),
          bytes(
            4,
            message([varintField(1, height), varintField(2, width), varintField(3, 3), bytes(4, png)]),
          ),
        ]),
      ),
    );
  }

  #append(step: number, values: Uint8Array[]): Promise<void> {
    const appended = this.#last.then(() => this.#write(step, values));
    this.#last = appended.catch(() => undefined);
    return appended;
  }

  async #write(step: number, values: Uint8Array[]): Promise<void> {
    const summary = message(values.map((value) => bytes(1, value)));
    const records = [record(message([wallTime(), varintField(2, step), bytes(5, summary)]))];
    if (this.#size === 0) {
      await mkdir(this.folder, { recursive: true });
      records.unshift(record(message([wallTime(), text(3, "brain.Event:2")])));
    }
    const appended = Buffer.concat(records);
    try {
      await appendFile(this.path, appended);
      this.#size += appended.length;
    } catch (error) {
      await truncate(this.path, this.#size).catch(() => undefined);
      throw error;
    }
  }
}

const message = (fields: Uint8Array[]): Uint8Array => Buffer.concat(fields);

function varint(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  while (rest >= 128) {
    out.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
  return out;
}

const varintField = (field: number, value: number): Uint8Array =>
  Uint8Array.from([field << 3, ...varint(value)]);

const bytes = (field: number, value: Uint8Array): Uint8Array =>
  Buffer.concat([Uint8Array.from([(field << 3) | 2, ...varint(value.length)]), value]);

const text = (field: number, value: string): Uint8Array => bytes(field, Buffer.from(value, "utf8"));

function float(field: number, value: number): Uint8Array {
  const out = Buffer.alloc(5);
  out[0] = (field << 3) | 5;
  out.writeFloatLE(value, 1);
  return out;
}

function wallTime(): Uint8Array {
  const out = Buffer.alloc(9);
  out[0] = (1 << 3) | 1;
  out.writeDoubleLE(Date.now() / 1000, 1);
  return out;
}

function record(data: Uint8Array): Uint8Array {
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(BigInt(data.length), 0);
  head.writeUInt32LE(maskedChecksum(head.subarray(0, 8)), 8);
  const tail = Buffer.alloc(4);
  tail.writeUInt32LE(maskedChecksum(data), 0);
  return Buffer.concat([head, data, tail]);
}

/** The checksum, rotated and offset as TFRecord wants it. */
function maskedChecksum(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

/** CRC-32C (Castagnoli), as RFC 3720, section 12.1, defines it. */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = table[(crc ^ byte) & 255]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
