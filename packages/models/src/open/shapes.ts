import type { TensorSource } from "@controlnet-js/checkpoints";
import { ControlNetError } from "@controlnet-js/core";

/** Questions about the shapes in a file. */
export interface Shapes {
  has(name: string): boolean;
  /**
   * Length of a side.
   * @throws ControlNetError `format` where there is no such tensor or side
   */
  side(name: string, axis: number): number;
  /** How many sides; 0 where there is no such tensor. */
  rank(name: string): number;
}

/** @param what named in errors, e.g. "U-Net" */
export function shapesOf(source: TensorSource, what: string): Shapes {
  const names = new Set(source.names());
  const shape = (name: string) => (names.has(name) ? source.get(name).shape : []);
  return {
    has: (name) => names.has(name),
    rank: (name) => shape(name).length,
    side(name, axis) {
      const length = shape(name)[axis];
      if (length !== undefined) return length;
      const found = names.has(name) ? `has shape [${shape(name).join(", ")}]` : "is missing";
      throw new ControlNetError(
        "format",
        `${what}: the tensor "${name}", which tells a size of the model, ${found}; the file is incomplete or of another kind`,
      );
    },
  };
}
