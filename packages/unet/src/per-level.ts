/** One number where all levels have the same. */
export const oneOrList = (values: number | number[]): number | number[] =>
  Array.isArray(values) && values.every((value) => value === values[0]) ? values[0]! : values;
