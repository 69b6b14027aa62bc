import { PickleOpaque, type PickleValue } from "./pickle-values.js";

/** Reads the arguments of opcodes from a pickle's bytes; reading past the end is refused. */
export class PickleReader {
  private at = 0;
  private readonly view: DataView;
  private readonly decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  /**
   * @param damaged called with what is wrong; must throw
   */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly damaged: (message: string) => never,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Whether every byte was read. */
  get done(): boolean {
    return this.at === this.bytes.byteLength;
  }

  /** Passes over `length` bytes and tells where they began. */
  take(length: number): number {
    const at = this.at;
    if (length > this.bytes.byteLength - at) this.damaged("its pickle is cut short");
    this.at += length;
    return at;
  }

  byte = (): number => this.bytes[this.take(1)]!;
  u16 = (): number => this.view.getUint16(this.take(2), true);
  u32 = (): number => this.view.getUint32(this.take(4), true);
  i32 = (): number => this.view.getInt32(this.take(4), true);
  f64 = (): number => this.view.getFloat64(this.take(8), false);

  /** Rounded where it is past 2^53, which is past the end of any pickle. */
  u64 = (): number => {
    const low = this.u32();
    return this.u32() * 2 ** 32 + low;
  };

  text(length: number): string {
    const at = this.take(length);
    try {
      return this.decoder.decode(this.bytes.subarray(at, at + length));
    } catch {
      return this.damaged("its pickle has text that is not UTF-8");
    }
  }

  /** Text up to the next new line. */
  line(): string {
    const end = this.bytes.subarray(this.at, this.at + 1024).indexOf(0x0a);
    if (end < 0) return this.damaged("its pickle has an unending name");
    const line = this.text(end);
    this.take(1);
    return line;
  }

  /** A two's complement integer; one that a number can't hold is opaque. */
  long(length: number): PickleValue {
    const at = this.take(length);
    if (length > 8) return new PickleOpaque("large integer");
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[at + i]!);
    const signed = Number(BigInt.asIntN(length * 8, value));
    return Number.isSafeInteger(signed) ? signed : new PickleOpaque("large integer");
  }
}
