import { longText, PickleOpaque, type PickleValue } from "./pickle-values.js";

const textLimit = 2 ** 16;

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

  /** Passes over the head of a frame, which must lie inside the pickle, as CPython has it. */
  frame(): void {
    const length = this.u64();
    const left = this.bytes.byteLength - this.at;
    if (length > left) this.damaged(`its pickle has a frame of ${length} bytes, but ${left} are left`);
  }

  /** Text; what is too long for a name is passed over. */
  text(length: number): PickleValue {
    const at = this.take(length);
    if (length > textLimit) return new PickleOpaque(longText);
    return this.decode(at, length);
  }

  private decode(at: number, length: number): string {
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
    const at = this.take(end + 1);
    return this.decode(at, end);
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
