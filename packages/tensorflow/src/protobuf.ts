/** Writes the few protocol buffer messages that TensorFlow is configured with. */
export class ProtoWriter {
  private readonly bytes: number[] = [];

  /** A bool, enum or non-negative integer; zero is the default and is left out. */
  varint(field: number, value: number | boolean | undefined): this {
    if (!value) return this;
    this.key(field, 0);
    this.raw(Number(value));
    return this;
  }

  string(field: number, value: string | undefined): this {
    return value ? this.message(field, new TextEncoder().encode(value)) : this;
  }

  double(field: number, value: number): this {
    this.key(field, 1);
    this.bytes.push(...new Uint8Array(new Float64Array([value]).buffer));
    return this;
  }

  float(field: number, value: number): this {
    this.key(field, 5);
    this.bytes.push(...new Uint8Array(new Float32Array([value]).buffer));
    return this;
  }

  message(field: number, value: ProtoWriter | Uint8Array): this {
    const body = value instanceof ProtoWriter ? value.finish() : value;
    this.key(field, 2);
    this.raw(body.length);
    for (const byte of body) this.bytes.push(byte);
    return this;
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.bytes);
  }

  private key(field: number, wireType: number): void {
    this.raw(field * 8 + wireType);
  }

  private raw(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.bytes.push((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    this.bytes.push(rest);
  }
}

/** One field of a serialized message: its number and its value, bytes for a nested message or string. */
export interface ProtoField {
  field: number;
  value: number | Uint8Array;
}

/** Reads the fields of a serialized message, in order. */
export function* readProto(bytes: Uint8Array): Generator<ProtoField> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const wireType = key & 7;
    const length = wireType === 1 ? 8 : wireType === 5 ? 4 : wireType === 2 ? varint() : 0;
    const value = wireType === 0 ? varint() : bytes.subarray(at, at + length);
    at += length;
    yield { field: Math.floor(key / 8), value };
  }
}

/** A bytes field as text. */
export const protoText = (value: ProtoField["value"]): string =>
  typeof value === "number" ? String(value) : new TextDecoder().decode(value);
