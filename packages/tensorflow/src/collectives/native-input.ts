import type { Tensor } from "@tensorflow/tfjs-core";
import type { OpenEngine } from "../engine.js";
import { isVariableId } from "../ids.js";

/**
 * Runs `operation` with the native id of a tensor's values. A tensor that lives in a variable is read first; what is
 * read stays as it is while a later step updates the variable.
 */
export async function withNativeInput<T>(
  { backend, variables, native }: OpenEngine,
  tensor: Tensor,
  operation: (id: number) => Promise<T>,
): Promise<T> {
  const [id] = backend.getInputTensorIds([tensor]) as [number];
  if (!isVariableId(id)) return await operation(id);
  const read = variables.read(id).id;
  try {
    return await operation(read);
  } finally {
    native.deleteTensor(read);
  }
}
