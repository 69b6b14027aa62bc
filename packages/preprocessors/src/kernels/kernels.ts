import { KERNELS } from "./kernels-base64.js";

/** Where something lies in the kernels' memory. */
export type Pointer = number;

/** The compiled functions of wasm/; arguments as in their C sources. */
interface KernelFunctions {
  canny(...args: number[]): void;
  resize_nearest(...args: number[]): void;
  resize_taps(...args: number[]): void;
  resize_area(...args: number[]): void;
  resize_blocks(...args: number[]): void;
  hough_votes(...args: number[]): void;
  hough_peaks(...args: number[]): number;
  hough_segments(...args: number[]): number;
  shape_spans(...args: number[]): void;
  draw_shapes(...args: number[]): void;
  deflate_lines(...args: number[]): number;
  crc32(...args: number[]): number;
}

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** The part of the WebAssembly interface that is used; neither Node's types nor ES2023 declare it. */
interface WebAssemblyLike {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: unknown };
}

type TypedArray = Uint8Array | Int16Array | Int32Array | Float32Array | Float64Array;
interface TypedArrayConstructor<T extends TypedArray> {
  new (buffer: ArrayBuffer, offset: number, length: number): T;
  readonly BYTES_PER_ELEMENT: number;
}

const PAGE = 65536;
/** More memory than this is given back after a call. */
const KEPT = 192 * 2 ** 20;

/** An instance of the kernels with a memory that is filled from the front at each call. */
export class Kernels {
  readonly run: KernelFunctions;
  private readonly memory: Memory;
  private readonly start: number;
  private end: number;

  constructor(instance: { exports: unknown }) {
    const exports = instance.exports as KernelFunctions & { memory: Memory; __heap_base: { value: number } };
    this.run = exports;
    this.memory = exports.memory;
    this.start = this.end = exports.__heap_base.value;
  }

  /** Room for `count` values and 16 bytes more, which a kernel may read or write past the end. Not cleared. */
  allocate(type: { readonly BYTES_PER_ELEMENT: number }, count: number): Pointer {
    const pointer = (this.end + 15) & ~15;
    this.end = pointer + count * type.BYTES_PER_ELEMENT + 16;
    const missing = this.end - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE));
    return pointer;
  }

  /** The values at a pointer; valid until the next allocation. */
  view<T extends TypedArray>(type: TypedArrayConstructor<T>, pointer: Pointer, count: number): T {
    return new type(this.memory.buffer, pointer, count);
  }

  /** Copies values into the memory. */
  put(values: TypedArray | Uint8ClampedArray): Pointer {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const pointer = this.allocate(Uint8Array, bytes.length);
    new Uint8Array(this.memory.buffer).set(bytes, pointer);
    return pointer;
  }

  /** Starts over; false where the memory has grown so large that the instance should be let go. */
  reset(): boolean {
    this.end = this.start;
    return this.memory.buffer.byteLength <= KEPT;
  }
}

let compiled: object | null | undefined;
let idle: Kernels | undefined;

function load(): object | null {
  const api = (globalThis as { WebAssembly?: WebAssemblyLike }).WebAssembly;
  if (!api) return null;
  const text = atob(KERNELS);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  try {
    return new api.Module(bytes);
  } catch {
    // No SIMD.
    return null;
  }
}

/**
 * Calls `action` with the WebAssembly kernels, compiled at the first call. Where the machine has no WebAssembly with
 * SIMD, or the picture is too large for its memory, the result is undefined and plain TypeScript does the work.
 * @param pixels how many pixels are read and made in all
 */
export function withKernels<R>(pixels: number, action: (kernels: Kernels) => R): R | undefined {
  if (pixels > 2 ** 25) return undefined;
  compiled ??= load();
  if (compiled === null) return undefined;
  const { WebAssembly: api } = globalThis as unknown as { WebAssembly: WebAssemblyLike };
  const kernels = idle ?? new Kernels(new api.Instance(compiled));
  idle = undefined;
  const result = action(kernels);
  if (kernels.reset()) idle = kernels;
  return result;
}
