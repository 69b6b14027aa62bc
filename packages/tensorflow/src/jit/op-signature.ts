import type { NativeEngine, OpAttribute } from "../native.js";
import { protoText, readProto } from "../protobuf.js";

/** One input of an op: a single tensor, or a list whose length an attribute gives. */
interface InputArgument {
  numberAttribute: string | undefined;
  typeListAttribute: string | undefined;
}

const known = new Map<string, InputArgument[]>();

/** The inputs of `op` as its definition groups them; field numbers follow tensorflow.OpDef. */
function inputArguments(native: NativeEngine, graph: number, op: string): InputArgument[] {
  let found = known.get(op);
  if (found) return found;
  found = [];
  for (const { field, value } of readProto(native.opDef(graph, op))) {
    if (field !== 2) continue;
    const argument: InputArgument = { numberAttribute: undefined, typeListAttribute: undefined };
    for (const inner of readProto(value as Uint8Array)) {
      if (inner.field === 5) argument.numberAttribute = protoText(inner.value);
      if (inner.field === 6) argument.typeListAttribute = protoText(inner.value);
    }
    found.push(argument);
  }
  known.set(op, found);
  return found;
}

/** Groups the flat inputs that the kernels give into the single and list inputs that a graph node takes. */
export function groupInputs(
  native: NativeEngine,
  graph: number,
  op: string,
  attributes: readonly OpAttribute[],
  inputs: readonly number[],
): (number | number[])[] {
  const signature = inputArguments(native, graph, op);
  const singles = signature.filter((a) => !a.numberAttribute && !a.typeListAttribute).length;
  let at = 0;
  return signature.map(({ numberAttribute, typeListAttribute }) => {
    const name = numberAttribute ?? typeListAttribute;
    if (!name) return inputs[at++]!;
    const value = attributes.find((attribute) => attribute.name === name)?.value;
    const length =
      typeof value === "number" ? value : Array.isArray(value) ? value.length : inputs.length - singles;
    at += length;
    return inputs.slice(at - length, at);
  });
}
