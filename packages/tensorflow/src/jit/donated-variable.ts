import { ATTR, DT } from "../dtypes.js";
import type { NativeEngine, OpAttribute } from "../native.js";

/** Ops whose output shares the memory of their first input. */
export const aliasingOps = new Set(["Identity", "Reshape", "ExpandDims", "Squeeze"]);

/** The graph being recorded that the variables are arguments of; see `Trace`. */
export interface Recording {
  readonly native: Pick<NativeEngine, "setShape">;
  readonly graph: number;
  /** The nodes that write to variables. */
  readonly updates: number[];
  placeholder(shape: readonly number[], dtype: number): number;
  node(
    op: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    control?: readonly number[],
  ): { node: number; outputs: { id: number }[] };
  follow(output: number, variable: DonatedVariable): void;
  mayBeRead(variable: DonatedVariable): boolean;
}

/** An argument that lives in a resource variable, and may be updated in place while a function is recorded. */
export class DonatedVariable {
  /** The graph output that carries the resource handle. */
  readonly handle: number;
  /** Nodes that use the memory of the last read and must run before the next write. */
  readers: number[] = [];
  /** How many writes the trace holds so far. */
  version = 0;
  private lastWrite: number | undefined;
  private readonly reads: (number | undefined)[] = [];

  constructor(
    trace: Recording,
    readonly shape: number[],
    readonly dtype: number,
  ) {
    this.handle = trace.placeholder([], DT.resource);
  }

  get typeAttribute(): OpAttribute {
    return { name: "dtype", type: ATTR.type, value: this.dtype };
  }

  /** The graph output with its contents after `version` writes; only the present version can be read anew. */
  read(trace: Recording, version = this.version): number {
    const present = this.reads[version];
    if (present !== undefined) return present;
    const control = this.lastWrite === undefined ? [] : [this.lastWrite];
    const made = trace.node("ReadVariableOp", [this.typeAttribute], [this.handle], control);
    const output = made.outputs[0]!.id;
    trace.native.setShape(trace.graph, output, this.shape);
    trace.follow(output, this);
    this.readers.push(made.node);
    this.reads[version] = output;
    return output;
  }

  /** Adds an op that writes to it, after all that read it so far. Several variables may be written by one op. */
  static write(
    trace: Recording,
    variables: readonly DonatedVariable[],
    op: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
  ): void {
    // What an earlier write left may still be wanted; it can only be read now.
    for (const variable of variables) if (trace.mayBeRead(variable)) variable.read(trace);
    const before = variables.flatMap(({ readers, lastWrite }) =>
      lastWrite === undefined ? readers : [...readers, lastWrite],
    );
    const { node } = trace.node(op, attributes, inputs, before);
    trace.updates.push(node);
    for (const variable of variables) {
      variable.lastWrite = node;
      variable.version++;
      variable.readers = [];
    }
  }
}
