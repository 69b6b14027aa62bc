/** The curve of one channel, from what a file stores to light, both 0 to 1: ICC's parametric curve of type 3 (ICC.1, 10.18). */
export interface ParametricCurve {
  /** `(a x + b) ^ g` from `d` on, `c x` below. */
  g: number;
  a: number;
  b: number;
  c: number;
  d: number;
}

/** The colour space of a picture: CIE xy of red, green, blue and white, and the curve of its channels. */
export interface ColourSpace {
  primaries: readonly [x: number, y: number][];
  white: readonly [x: number, y: number];
  curve: ParametricCurve;
}

/** The curve of sRGB (IEC 61966-2-1). */
export const srgbCurve: ParametricCurve = {
  g: 2.4,
  a: 1 / 1.055,
  b: 0.055 / 1.055,
  c: 1 / 12.92,
  d: 0.04045,
};

/** XYZ of D50, the white of every profile (ICC.1, 7.2.16). */
const d50 = [0.9642, 1, 0.8249] as const;
/** XYZ of sRGB's red, green and blue, adapted to D50. */
const srgbColorants = [
  [0.43607, 0.22249, 0.01392],
  [0.38515, 0.71687, 0.09708],
  [0.14307, 0.06061, 0.7141],
] as const;

type Matrix = readonly (readonly number[])[];

const times = (a: Matrix, b: Matrix): number[][] =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((sum, value, k) => sum + value * b[k]![j]!, 0)));

function inverse(matrix: number[][]): number[][] {
  const [a, b, c, d, e, f, g, h, i] = matrix.flat();
  const [A, B, C] = [e! * i! - f! * h!, c! * h! - b! * i!, b! * f! - c! * e!];
  const determinant = a! * A + d! * B + g! * C;
  return [
    [A, B, C],
    [f! * g! - d! * i!, a! * i! - c! * g!, c! * d! - a! * f!],
    [d! * h! - e! * g!, b! * g! - a! * h!, a! * e! - b! * d!],
  ].map((row) => row.map((value) => value / determinant));
}

const xyzOf = ([x, y]: readonly [number, number]): number[] => [x / y, 1, (1 - x - y) / y];
const transposed = (rows: Matrix): number[][] => rows[0]!.map((_, j) => rows.map((row) => row[j]!));

/** Bradford's cone responses (ICC.1, annex E). */
const bradford = [
  [0.8951, 0.2664, -0.1614],
  [-0.7502, 1.7135, 0.0367],
  [0.0389, -0.0685, 1.0296],
];

/** XYZ of a colour space's red, green and blue, adapted to D50. */
function colorants({ primaries, white }: ColourSpace): number[][] {
  const rgb = transposed(primaries.map(xyzOf));
  const scale = times(inverse(rgb), transposed([xyzOf(white)]));
  const cones = (xyz: readonly number[]) => times(bradford, transposed([xyz])).map(([value]) => value!);
  const [from, to] = [cones(xyzOf(white)), cones(d50)];
  const gains = [0, 1, 2].map((i) => [0, 1, 2].map((j) => (i === j ? to[i]! / from[i]! : 0)));
  const adapted = times(times(inverse(bradford), times(gains, bradford)), rgb);
  return transposed(adapted).map((xyz, i) => xyz.map((value) => value * scale[i]![0]!));
}

const ascii = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0));

/** An ICC profile (version 4.3) of a colour space. */
export function makeProfile(space: ColourSpace): Uint8Array<ArrayBuffer> {
  const fixed = (values: readonly number[]) => values.flatMap((value) => bytes4(Math.round(value * 65536)));
  const bytes4 = (value: number) => [value >> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255];
  const xyz = (values: readonly number[]) => [...ascii("XYZ "), 0, 0, 0, 0, ...fixed(values)];
  const { g, a, b, c, d } = space.curve;
  const curve = [...ascii("para"), 0, 0, 0, 0, 0, 3, 0, 0, ...fixed([g, a, b, c, d])];
  const [red, green, blue] = colorants(space);
  const blocks = [xyz(d50), xyz(red!), xyz(green!), xyz(blue!), curve];
  const names = ["wtpt", "rXYZ", "gXYZ", "bXYZ", "rTRC", "gTRC", "bTRC"];
  const first = 128 + 4 + 12 * names.length;
  const starts = blocks.map(
    (_, i) => first + blocks.slice(0, i).reduce((sum, block) => sum + block.length, 0),
  );
  const size = starts.at(-1)! + curve.length;
  const header = new Array<number>(128).fill(0);
  const put = (at: number, values: readonly number[]) => header.splice(at, values.length, ...values);
  put(0, bytes4(size));
  put(8, bytes4(0x04300000));
  put(12, ascii("mntrRGB XYZ "));
  put(36, ascii("acsp"));
  put(68, fixed(d50));
  const table = names.flatMap((name, i) => {
    const block = Math.min(i, blocks.length - 1);
    return [...ascii(name), ...bytes4(starts[block]!), ...bytes4(blocks[block]!.length)];
  });
  return Uint8Array.from([...header, ...bytes4(names.length), ...table, ...blocks.flat()]);
}

/** Whether converting from a profile to sRGB would leave every byte as it is; so is one that is broken, which is ignored. */
export function isSrgb(profile: Uint8Array): boolean {
  try {
    return new ProfileReader(profile).isSrgb();
  } catch {
    return true;
  }
}

/** The part of ICC.1 that profiles of a matrix and three curves, or of grey, use. Reading behind the end throws. */
class ProfileReader {
  private readonly view: DataView;
  private readonly tags = new Map<string, number>();

  constructor(profile: Uint8Array) {
    this.view = new DataView(profile.buffer, profile.byteOffset, profile.byteLength);
    const count = Math.min(this.view.getUint32(128), 100);
    for (let i = 0; i < count; i++)
      this.tags.set(this.text(132 + 12 * i), this.view.getUint32(132 + 12 * i + 4));
  }

  isSrgb(): boolean {
    const space = this.text(16);
    if (this.tags.has("A2B0")) return false;
    if (space === "GRAY") return this.isSrgbCurve("kTRC");
    if (space !== "RGB ") return false;
    return ["r", "g", "b"].every(
      (channel, i) =>
        srgbColorants[i]!.every(
          (value, j) => Math.abs(this.fixed(this.at(`${channel}XYZ`) + 8 + 4 * j) - value) < 0.002,
        ) && this.isSrgbCurve(`${channel}TRC`),
    );
  }

  /** Whether each byte's light, in sRGB, is the same byte. */
  private isSrgbCurve(name: string): boolean {
    const at = this.at(name);
    for (let byte = 0; byte < 256; byte++) {
      const light = this.curve(at, byte / 255);
      const value = light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055;
      if (!(Math.abs(255 * value - byte) < 0.5)) return false;
    }
    return true;
  }

  private curve(at: number, x: number): number {
    if (this.text(at) === "para") return this.parametric(at, x);
    const count = this.view.getUint32(at + 8);
    if (count === 0) return x;
    if (count === 1) return x ** (this.view.getUint16(at + 12) / 256);
    const place = x * (count - 1);
    const low = Math.min(Math.floor(place), count - 2);
    const value = (i: number) => this.view.getUint16(at + 12 + 2 * i) / 65535;
    return value(low) + (place - low) * (value(low + 1) - value(low));
  }

  /** Types 0 to 4 (ICC.1, table 68). */
  private parametric(at: number, x: number): number {
    const type = this.view.getUint16(at + 8);
    const value = (i: number) => this.fixed(at + 12 + 4 * i);
    const g = value(0);
    if (type === 0) return x ** g;
    const [a, b] = [value(1), value(2)];
    if (type === 1) return x >= -b / a ? (a * x + b) ** g : 0;
    const c = value(3);
    if (type === 2) return x >= -b / a ? (a * x + b) ** g + c : c;
    if (x < value(4)) return c * x + (type === 4 ? value(6) : 0);
    return (a * x + b) ** g + (type === 4 ? value(5) : 0);
  }

  private at(name: string): number {
    const at = this.tags.get(name);
    if (at === undefined) throw new RangeError(`no tag ${name}`);
    return at;
  }

  private text(at: number): string {
    return String.fromCharCode(...[0, 1, 2, 3].map((i) => this.view.getUint8(at + i)));
  }

  private fixed(at: number): number {
    return this.view.getInt32(at) / 65536;
  }
}
