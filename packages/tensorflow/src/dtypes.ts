/** TensorFlow's numbers for the element types, as in `tensorflow.DataType`. */
export const DT = {
  float32: 1,
  float64: 2,
  int32: 3,
  uint8: 4,
  int16: 5,
  int8: 6,
  string: 7,
  complex64: 8,
  int64: 9,
  bool: 10,
  bfloat16: 14,
  uint16: 17,
  float16: 19,
  resource: 20,
  variant: 21,
  uint32: 22,
  uint64: 23,
  float8_e5m2: 24,
  float8_e4m3fn: 25,
} as const;

/** The name of an element type that weights may be stored in. */
export type ElementType = keyof typeof DT;

const names = new Map<number, ElementType>(Object.entries(DT).map(([name, n]) => [n, name as ElementType]));

/** The name of TensorFlow's element type number `dtype`. */
export const elementTypeName = (dtype: number): string => names.get(dtype) ?? `dtype ${dtype}`;

const widths: Partial<Record<string, number>> = {
  float64: 8,
  int64: 8,
  complex64: 8,
  uint64: 8,
  float16: 2,
  bfloat16: 2,
  int16: 2,
  uint16: 2,
  bool: 1,
  int8: 1,
  uint8: 1,
  float8_e5m2: 1,
  float8_e4m3fn: 1,
};
/** Bytes of one element of TensorFlow's element type number `dtype`. */
export const bytesPerElement = (dtype: number): number => widths[elementTypeName(dtype)] ?? 4;

/** The kinds of op attribute, as in `TF_AttrType`. */
export const ATTR = { string: 0, int: 1, float: 2, bool: 3, type: 4, shape: 5, tensor: 6, func: 8 } as const;
