/**
 * How a tensor is stored by others and how here.
 * - `plain`: the same in both
 * - `linear`: published `[out, in]`, ours `[in, out]`
 * - `convolution`: published `[out, in, height, width]`, ours `[height, width, in, out]`
 * - `pointwise-linear`: published `[out, in, 1, 1]`, ours `[in, out]`
 */
export type Layout = "plain" | "linear" | "convolution" | "pointwise-linear";

/** The published shape of a tensor that has `shape` here. */
export function publishedShape(layout: Layout, shape: readonly number[]): number[] {
  switch (layout) {
    case "plain":
      return [...shape];
    case "linear":
      return [shape[1]!, shape[0]!];
    case "convolution":
      return [shape[3]!, shape[2]!, shape[0]!, shape[1]!];
    case "pointwise-linear":
      return [shape[1]!, shape[0]!, 1, 1];
  }
}

/** Whether a tensor of this layout can have `shape` here: the number of sides that the layout asks for. */
export const fitsLayout = (layout: Layout, shape: readonly number[]): boolean =>
  layout === "plain" || shape.length === (layout === "convolution" ? 4 : 2);

/** Side of the square blocks in which both the rows read and the rows written stay in the cache. */
const block = 32;

/**
 * Values in our order from values in published order. Returns `values` itself where the two orders agree.
 * @param shape ours
 */
export function fromPublished(values: Float32Array, layout: Layout, shape: readonly number[]): Float32Array {
  const { area, input, output, same } = sides(layout, shape);
  if (same) return values;
  const out = new Float32Array(values.length);
  const columns = input * area;
  for (let o0 = 0; o0 < output; o0 += block) {
    const o1 = Math.min(o0 + block, output);
    for (let c0 = 0; c0 < columns; c0 += block) {
      const c1 = Math.min(c0 + block, columns);
      for (let c = c0; c < c1; c++) {
        const row = ((c % area) * input + Math.floor(c / area)) * output;
        for (let o = o0; o < o1; o++) out[row + o] = values[o * columns + c]!;
      }
    }
  }
  return out;
}

/**
 * Values in published order from values in ours; the inverse of {@link fromPublished}.
 * @param shape ours
 */
export function toPublished(values: Float32Array, layout: Layout, shape: readonly number[]): Float32Array {
  const { area, input, output, same } = sides(layout, shape);
  if (same) return values;
  const out = new Float32Array(values.length);
  const columns = input * area;
  for (let o0 = 0; o0 < output; o0 += block) {
    const o1 = Math.min(o0 + block, output);
    for (let c0 = 0; c0 < columns; c0 += block) {
      const c1 = Math.min(c0 + block, columns);
      for (let c = c0; c < c1; c++) {
        const row = ((c % area) * input + Math.floor(c / area)) * output;
        for (let o = o0; o < o1; o++) out[o * columns + c] = values[row + o]!;
      }
    }
  }
  return out;
}

/**
 * The published order as [output, input, area], of which ours is the reverse.
 * @param shape ours
 */
export function publishedOrder(
  layout: Layout,
  shape: readonly number[],
): [output: number, input: number, area: number] {
  if (layout === "plain") return [1, 1, shape.reduce((product, size) => product * size, 1)];
  const { area, input, output } = sides(layout, shape);
  return [output, input, area];
}

function sides(layout: Layout, shape: readonly number[]) {
  if (layout === "plain") return { area: 1, input: 1, output: 1, same: true };
  const [area, input, output] =
    layout === "convolution" ? [shape[0]! * shape[1]!, shape[2]!, shape[3]!] : [1, shape[0]!, shape[1]!];
  const same = [area, input, output].filter((side) => side > 1).length < 2;
  return { area, input, output, same };
}
