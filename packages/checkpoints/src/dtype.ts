/** An element type by its safetensors name. */
export type DType =
  | "BOOL"
  | "U8"
  | "I8"
  | "F8_E5M2"
  | "F8_E4M3"
  | "I16"
  | "U16"
  | "F16"
  | "BF16"
  | "I32"
  | "U32"
  | "F32"
  | "C64"
  | "F64"
  | "I64"
  | "U64";

/** The element types that a file of weights may be written in. */
export type FloatDType = "F16" | "BF16" | "F32";

/** Bytes of one element, in the order in which the safetensors format ranks its types. */
const sizes: ReadonlyMap<string, number> = new Map<DType, number>([
  ["BOOL", 1],
  ["U8", 1],
  ["I8", 1],
  ["F8_E5M2", 1],
  ["F8_E4M3", 1],
  ["I16", 2],
  ["U16", 2],
  ["F16", 2],
  ["BF16", 2],
  ["I32", 4],
  ["U32", 4],
  ["F32", 4],
  ["C64", 8],
  ["F64", 8],
  ["I64", 8],
  ["U64", 8],
]);

const ranks: ReadonlyMap<string, number> = new Map([...sizes.keys()].map((name, rank) => [name, rank]));

/** Every element type that this package reads. */
export const dtypes = [...sizes.keys()] as readonly DType[];

/** Whether `name` is an element type that this package reads. */
export const isDType = (name: string): name is DType => sizes.has(name);

/** Whether values of this type are real floating-point numbers. */
export const isFloatDType = (dtype: DType): boolean => dtype.startsWith("F") || dtype === "BF16";

/** Bytes of one element. */
export const bytesPerElement = (dtype: DType): number => sizes.get(dtype)!;

/** The type's place in the order in which safetensors files store their tensors (highest first). */
export const dtypeRank = (dtype: DType): number => ranks.get(dtype)!;
