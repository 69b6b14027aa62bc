import type { Variable } from "@tensorflow/tfjs-core";
import { asTypedValues, isUniform } from "../binding.js";
import { ATTR, bytesPerElement, DT } from "../dtypes.js";
import { asTensorFlowError, TensorFlowError } from "../errors.js";
import { firstSymbolicId, isSymbolicId } from "../ids.js";
import type { HostValues, NativeEngine, OpAttribute, TensorMetadata } from "../native.js";
import { aliasingOps, type DonatedVariable, type Recording } from "./donated-variable.js";
import { groupInputs } from "./op-signature.js";
import { ProgramOrder } from "./program-order.js";

/** A tensor from outside that the recorded function uses; it becomes an extra input. */
export interface Capture {
  id: number;
  output: number;
  /** Made by the trace from host values, and freed with it. */
  owned: boolean;
  bytes: number;
  /** The tfjs variable whose present value is passed at each call. */
  variable?: Variable;
}

/** What a symbolic tensor id stands for. */
interface SymbolicValue {
  /** The graph output; absent where it is in `variable` and has not been read. */
  output?: number;
  shape: number[];
  dtype: number;
  op: string;
  /** The values, where the host made them inside the function. */
  host?: HostValues;
  /** The variable that holds this value after `version` writes. */
  variable?: DonatedVariable;
  version?: number;
}

let nextSymbolicId = firstSymbolicId;

/** Constants up to this size live in the graph; larger ones become inputs that the trace owns. */
const largestConstant = 16 * 1024;

/** A graph being recorded: every op adds a node, nothing runs. */
export class Trace implements Recording {
  readonly graph: number;
  readonly captures: Capture[] = [];
  readonly ops: Record<string, number> = {};
  readonly updates: number[] = [];
  /** The host data that the recorded function itself made; anything else comes from outside. */
  readonly madeInside = new WeakSet<object>();
  nodes = 0;
  private readonly values = new Map<number, SymbolicValue>();
  private readonly captured = new Map<number, Capture>();
  private readonly constants = new Map<string, number>();
  private readonly nodeOfOutput: number[] = [];
  private readonly aliases = new Map<number, DonatedVariable>();
  private readonly unshaped = new Map<number, { output: number; shape: number[]; dtype: number }>();
  private readonly unread = new Map<DonatedVariable, number>();
  private readonly order: ProgramOrder;

  constructor(
    readonly native: NativeEngine,
    readonly name: string,
    slack: number,
    /** Whether only TensorFlow's own ops may be recorded. */
    readonly portable: boolean,
    private readonly uploadTensor: (shape: readonly number[], dtype: number, values: HostValues) => number,
    private readonly describe: (id: number) => { shape: number[]; dtype: number },
  ) {
    this.graph = native.newGraph();
    this.order = new ProgramOrder(slack);
  }

  /** Records one op as the kernels ask for it; `inputs` may be symbolic or real ids. */
  execute(
    op: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): TensorMetadata[] {
    if (op === "Reshape") return [this.reshape(inputs[0]!, [...(this.hostValues(inputs[1]!) as Int32Array)])];
    const made = this.node(
      op,
      attributes,
      inputs.map((id) => this.outputOf(id)),
    );
    if (made.outputs.length < outputs)
      throw new TensorFlowError(
        `jit ${this.name}: ${op} has ${made.outputs.length} outputs, not ${outputs}`,
        { op },
      );
    return made.outputs.slice(0, outputs).map(({ id, shape, dtype }) => {
      if (!shape || shape.includes(-1))
        throw new TensorFlowError(
          `jit ${this.name}: the shape of ${op}'s output depends on values, so it cannot be recorded; run this part outside of jit`,
          { op },
          "unsupported",
        );
      return { id: this.symbol({ output: id, shape, dtype, op }), shape, dtype };
    });
  }

  /** A reshape of a reshape is one, and one to the shape that was is none: tfjs's ops make many of both. */
  private reshape(id: number, asked: number[]): TensorMetadata {
    const last = this.outputOf(id);
    const { output, shape: from, dtype } = this.unshaped.get(last) ?? { output: last, ...this.shapeOf(id) };
    const rest = asked.reduce((product, size) => (size < 0 ? product : product * size), 1);
    const shape = asked.map((size) => (size < 0 ? from.reduce((a, b) => a * b, 1) / rest : size));
    const same = from.length === shape.length && from.every((size, i) => size === shape[i]);
    let result = output;
    if (!same) {
      const dims = this.constantOutput([shape.length], DT.int32, Int32Array.from(shape));
      result = this.node("Reshape", [], [output, dims]).outputs[0]!.id;
      this.unshaped.set(result, { output, shape: from, dtype });
    }
    return { id: this.symbol({ output: result, shape, dtype, op: "Reshape" }), shape, dtype };
  }

  private shapeOf(id: number): { shape: number[]; dtype: number } {
    return this.values.get(id) ?? this.describe(id);
  }

  /** Adds a node whose inputs are graph outputs. */
  node(
    op: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    control: readonly number[] = [],
  ): { node: number; outputs: { id: number; shape: number[] | null; dtype: number }[] } {
    const inputNodes = inputs.map((output) => this.nodeOfOutput[output]!);
    const allControl = [...new Set([...control, ...this.order.controlInputs(op, inputNodes)])];
    try {
      const grouped = groupInputs(this.native, this.graph, op, attributes, inputs);
      const name = `${op.replace(/^_+/, "")}_${this.nodes}`;
      const made = this.native.addNode(this.graph, op, name, attributes, grouped, allControl);
      this.nodes++;
      this.ops[op] = (this.ops[op] ?? 0) + 1;
      this.order.added(made.node, op, [...inputNodes, ...allControl]);
      for (const { id } of made.outputs) this.nodeOfOutput[id] = made.node;
      this.noteReaders(op, made.node, inputs, made.outputs[0]?.id);
      return made;
    } catch (error) {
      throw asTensorFlowError(error, `jit ${this.name}: recording ${op}`, op);
    }
  }

  /** A symbolic tensor for host values made inside the function. */
  createTensor(shape: readonly number[], dtype: number, values: HostValues): number {
    const host = asTypedValues(dtype, values);
    return this.symbol({
      output: this.constantOutput(shape, dtype, host),
      shape: [...shape],
      dtype,
      op: "Const",
      host,
    });
  }

  /** A new input of the function. */
  placeholder(shape: readonly number[], dtype: number): number {
    const attributes = [
      { name: "dtype", type: ATTR.type, value: dtype },
      { name: "shape", type: ATTR.shape, value: shape },
    ];
    return this.node("Placeholder", attributes, []).outputs[0]!.id;
  }

  /** Gives a graph output a tensor id. */
  symbol(value: SymbolicValue): number {
    const id = nextSymbolicId++;
    this.values.set(id, value);
    if (value.variable && value.output === undefined) this.unread.set(value.variable, value.version!);
    return id;
  }

  /** Whether a tensor of the recorded function stands for the present contents of `variable` and has not been read. */
  mayBeRead(variable: DonatedVariable): boolean {
    return this.unread.get(variable) === variable.version;
  }

  /** What symbolic id `id` of this trace stands for; undefined for ids from elsewhere. */
  valueOf(id: number): SymbolicValue | undefined {
    return this.values.get(id);
  }

  /** The graph output behind a tensor id; a tensor from outside becomes a captured input. */
  outputOf(id: number): number {
    const value = this.values.get(id);
    if (value) {
      value.output ??= value.variable!.read(this, value.version);
      return value.output;
    }
    if (isSymbolicId(id))
      throw new TensorFlowError(
        `jit ${this.name}: uses a tensor that another recorded function made; return it from that function instead`,
        {},
        "state",
      );
    return this.capture(id, false).output;
  }

  /** The node that graph output `output` comes from. */
  nodeOf(output: number): number {
    return this.nodeOfOutput[output]!;
  }

  /** Starts following who reads the donated variable through graph output `output`. */
  follow(output: number, variable: DonatedVariable): void {
    this.aliases.set(output, variable);
  }

  /** The host values of a tensor made inside, or the error that says why it cannot be read. */
  hostValues(id: number): HostValues {
    const value = this.values.get(id);
    if (value?.host) return value.host;
    const what = value ? `the result of ${value.op}` : "a tensor from outside";
    throw new TensorFlowError(
      `jit ${this.name}: the function reads the values of ${what}; they would be baked into the compiled function. Return the tensor, or read it before the call and pass what depends on it`,
      value ? { op: value.op } : {},
      "unsupported",
    );
  }

  get capturedBytes(): number {
    return this.captures.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Frees the graph; captured tensors that the trace owns stay until `releaseCaptures`. */
  disposeGraph(): void {
    this.native.deleteGraph(this.graph);
  }

  /** Frees the tensors that the trace made for itself. */
  releaseCaptures(): void {
    for (const { id, owned } of this.captures) if (owned) this.native.deleteTensor(id);
    this.captures.length = 0;
  }

  private capture(id: number, owned: boolean): Capture {
    let capture = this.captured.get(id);
    if (capture) return capture;
    let info: { shape: number[]; dtype: number };
    try {
      info = this.describe(id);
    } catch (error) {
      throw asTensorFlowError(error, `jit ${this.name}: using a tensor from outside`);
    }
    const elements = info.shape.reduce((a, b) => a * b, 1);
    const output = this.placeholder(info.shape, info.dtype);
    capture = { id, output, owned, bytes: elements * bytesPerElement(info.dtype) };
    this.captured.set(id, capture);
    this.captures.push(capture);
    return capture;
  }

  private constantOutput(shape: readonly number[], dtype: number, host: HostValues): number {
    if (isUniform(host)) {
      const dims = this.constantOutput([shape.length], DT.int32, Int32Array.from(shape));
      const value = this.constantOutput([], dtype, host.subarray(0, 1));
      return this.node("Fill", [], [dims, value]).outputs[0]!.id;
    }
    if (!ArrayBuffer.isView(host) || host.byteLength <= largestConstant)
      return this.constantNode(shape, dtype, host);
    return this.capture(this.uploadTensor(shape, dtype, host), true).output;
  }

  private constantNode(shape: readonly number[], dtype: number, host: HostValues): number {
    const small = ArrayBuffer.isView(host) && host.byteLength <= 256;
    const bytes = small ? Buffer.from(host.buffer, host.byteOffset, host.byteLength).toString("latin1") : "";
    const key = `${dtype}|${shape.join()}|${bytes}`;
    const present = small ? this.constants.get(key) : undefined;
    if (present !== undefined) return present;
    const attributes = [
      { name: "dtype", type: ATTR.type, value: dtype },
      { name: "value", type: ATTR.tensor, value: { shape, dtype, values: host } },
    ];
    const output = this.node("Const", attributes, []).outputs[0]!.id;
    if (small) this.constants.set(key, output);
    return output;
  }

  private noteReaders(op: string, node: number, inputs: readonly number[], output: number | undefined): void {
    for (const input of inputs) {
      const variable = this.aliases.get(input);
      if (!variable) continue;
      variable.readers.push(node);
      if (output !== undefined && aliasingOps.has(op)) this.aliases.set(output, variable);
    }
  }
}
