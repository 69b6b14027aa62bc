import { engine, type Tensor } from "@tensorflow/tfjs-core";
import { DT } from "../dtypes.js";
import type { OpenEngine } from "../engine.js";
import { TensorFlowError } from "../errors.js";
import { isVariableId } from "../ids.js";
import type { OpAttribute } from "../native.js";
import { type Flattened, fill, flatten, rebuild, template } from "./arguments.js";
import { DonatedVariable } from "./donated-variable.js";
import type { FunctionSettings } from "./settings.js";
import { Trace } from "./trace.js";
import { recordInto } from "./trace-binding.js";

/** Where an output of the function comes from: a function result, or the variable of donated argument `variable`. */
type OutputSource = { result: number } | { variable: number };

interface OutputTensor {
  source: OutputSource;
  shape: number[];
  dtype: number;
}

/** Figures of one recording. */
export interface TraceFigures {
  name: string;
  signature: string;
  milliseconds: number;
  nodes: number;
  ops: Record<string, number>;
  capturedBytes: number;
  donated: number;
}

let functions = 0;

/** One recording of a function for one signature, living in TensorFlow's context as a function. */
export class CompiledFunction {
  readonly functionName: string;
  readonly figures: TraceFigures;
  private readonly outputs: OutputTensor[];
  private readonly results: number;
  private readonly outputTemplate: unknown;
  private readonly trace: Trace;
  private readonly attributes: OpAttribute[];

  /** Records `fn` for the shapes of `args`. Nothing stays behind if it throws. */
  constructor(
    private readonly open: OpenEngine,
    fn: (...args: unknown[]) => unknown,
    args: readonly unknown[],
    flat: Flattened,
    /** For each tensor of the arguments, whether it is donated. */
    private readonly donated: readonly boolean[],
    private readonly settings: FunctionSettings,
  ) {
    const started = performance.now();
    const { native, binding, backend, variables } = open;
    this.functionName = `${settings.name.replace(/[^A-Za-z0-9_]/g, "_").replace(/^_+/, "") || "fn"}_${++functions}`;
    const describe = (id: number) => (isVariableId(id) ? variables.describe(id) : native.tensorInfo(id));
    const { name, slack, portable } = settings;
    const trace = new Trace(native, name, slack, portable, binding.createTensor, describe);
    this.trace = trace;
    this.attributes = settings.attributes;
    let added = false;
    engine().startScope(`jit ${settings.name}`);
    try {
      const inputs: number[] = [];
      const held: DonatedVariable[] = [];
      const result = recordInto(backend, trace, () => {
        const symbols = flat.tensors.map((tensor, i) =>
          symbolFor(open, trace, tensor, donated[i]!, inputs, held),
        );
        return fn(...(rebuild(args, symbols) as unknown[]));
      });
      if (result instanceof Promise)
        throw new TensorFlowError(
          `jit ${settings.name}: the function is asynchronous; only synchronous ones can be recorded`,
          {},
          "unsupported",
        );
      const out = flatten(`jit ${settings.name}: the result`, result);
      const ids = recordInto(backend, trace, () =>
        out.tensors.map((tensor) => backend.getInputTensorIds([tensor])[0]!),
      );
      nameCapturedVariables(open, trace);
      const { outputs, results } = placeOutputs(trace, out.tensors, ids, held);
      this.outputs = outputs;
      this.results = results.length;
      this.outputTemplate = template(result);
      native.addFunction(
        trace.graph,
        this.functionName,
        [...inputs, ...trace.captures.map(({ output }) => output)],
        results,
        trace.updates,
      );
      added = true;
    } finally {
      engine().endScope();
      trace.disposeGraph();
      if (!added) trace.releaseCaptures();
    }
    this.figures = {
      name: settings.name,
      signature: flat.key,
      milliseconds: performance.now() - started,
      nodes: trace.nodes,
      ops: trace.ops,
      capturedBytes: trace.capturedBytes,
      donated: donated.filter(Boolean).length,
    };
  }

  /** Runs the function. Donated tensors are disposed once it has succeeded. */
  call(tensors: readonly Tensor[]): unknown {
    const { backend, binding, variables } = this.open;
    const held: number[] = [];
    let made: { id: number }[];
    try {
      const inputs = tensors.map((tensor, i) => {
        if (!this.donated[i]) return backend.getInputTensorIds([tensor])[0]!;
        const variable = donate(this.open, tensor);
        held.push(variable);
        return variables.handleOf(variable);
      });
      for (const { id, variable } of this.trace.captures)
        inputs.push(variable ? backend.getInputTensorIds([variable])[0]! : id);
      made = binding.executeOp(this.functionName, this.attributes, inputs, this.results);
    } catch (error) {
      this.takeBack(tensors, held);
      throw this.explain(error);
    }
    const renamed = new Map<number, number>();
    const results = this.outputs.map(({ source, shape, dtype }) => {
      if ("result" in source) return { id: made[source.result]!.id, shape, dtype };
      const id = variables.rename(held[source.variable]!);
      renamed.set(held[source.variable]!, id);
      return { id, shape, dtype };
    });
    let next = 0;
    tensors.forEach((tensor, i) => {
      if (!this.donated[i]) return;
      const variable = held[next++]!;
      const record = backend.tensorMap.get(tensor.dataId);
      if (record.id === variable && renamed.has(variable)) record.id = -1;
      else if (record.id !== variable && !renamed.has(variable)) variables.delete(variable);
      tensor.dispose();
    });
    return fill(
      this.outputTemplate,
      results.map((metadata) => backend.createOutputTensor(metadata) as Tensor),
    );
  }

  /** The recorded graph as a serialized `tensorflow.FunctionDef`. */
  functionDef(): Uint8Array {
    return this.open.native.functionToBytes(this.functionName);
  }

  dispose(): void {
    this.open.native.removeFunction(this.functionName);
    this.trace.releaseCaptures();
  }

  /** After a failed call: frees the variables that no tensor lives in, which a tensor with a clone was copied to. */
  private takeBack(tensors: readonly Tensor[], held: readonly number[]): void {
    const { backend, variables } = this.open;
    const donated = tensors.filter((_, i) => this.donated[i]);
    held.forEach((variable, i) => {
      if (backend.tensorMap.get(donated[i]!.dataId).id !== variable) variables.delete(variable);
    });
  }

  private explain(error: unknown): unknown {
    if (!(error instanceof TensorFlowError)) return error;
    const where = `jit ${this.settings.name}`;
    if (error.code === "state")
      return new TensorFlowError(
        `${where}: a tensor that the function closes over was disposed, donated or assigned after it was recorded; pass it as an argument`,
        { op: error.op, status: error.status, cause: error },
        "state",
      );
    return new TensorFlowError(
      `${where}: ${error.message}`,
      { op: error.op, status: error.status, cause: error },
      error.code,
    );
  }
}

function symbolFor(
  { backend }: OpenEngine,
  trace: Trace,
  tensor: Tensor,
  donated: boolean,
  inputs: number[],
  held: DonatedVariable[],
): Tensor {
  const dtype = DT[tensor.dtype as keyof typeof DT];
  const { shape } = tensor;
  let id: number;
  if (donated) {
    const variable = new DonatedVariable(trace, shape, dtype);
    inputs.push(variable.handle);
    held.push(variable);
    id = trace.symbol({
      output: variable.read(trace),
      shape,
      dtype,
      op: "ReadVariableOp",
      variable,
      version: 0,
    });
  } else {
    const output = trace.placeholder(shape, dtype);
    inputs.push(output);
    id = trace.symbol({ output, shape, dtype, op: "Placeholder" });
  }
  return backend.createOutputTensor({ id, shape, dtype }) as Tensor;
}

/** Notes which captures are tfjs variables, whose value at the time of each call is the one to use. */
function nameCapturedVariables({ backend }: OpenEngine, trace: Trace): void {
  const captures = new Map(trace.captures.map((capture) => [capture.id, capture]));
  for (const variable of Object.values(engine().registeredVariables)) {
    if (!backend.tensorMap.has(variable.dataId)) continue;
    const capture = captures.get(backend.tensorMap.get(variable.dataId).id);
    if (capture) capture.variable = variable;
  }
}

/**
 * Decides where each returned tensor lives. What a donated variable already holds stays there; any other result of
 * the shape and dtype of a donated argument is assigned to it, first to first; the rest are results.
 */
function placeOutputs(
  trace: Trace,
  tensors: readonly Tensor[],
  ids: readonly number[],
  held: readonly DonatedVariable[],
): { outputs: OutputTensor[]; results: number[] } {
  const sources: (OutputSource | undefined)[] = [];
  const taken = new Set<number>();
  ids.forEach((id, i) => {
    const value = trace.valueOf(id);
    if (!value?.variable || value.version !== value.variable.version) return;
    const at = held.indexOf(value.variable);
    if (taken.has(at)) return;
    taken.add(at);
    sources[i] = { variable: at };
  });
  const assignments: [DonatedVariable, number][] = [];
  const results: number[] = [];
  const seen = new Map<number, number>();
  ids.forEach((id, i) => {
    if (sources[i]) return;
    const tensor = tensors[i]!;
    const output = trace.outputOf(id);
    const fits = (variable: DonatedVariable, at: number) =>
      !taken.has(at) &&
      variable.version === 0 &&
      elementsEqual(variable.shape, tensor.shape) &&
      variable.dtype === DT[tensor.dtype as keyof typeof DT];
    const at = held.findIndex(fits);
    if (at >= 0) {
      taken.add(at);
      assignments.push([held[at]!, output]);
      sources[i] = { variable: at };
      return;
    }
    const known = seen.get(output);
    sources[i] = { result: known ?? results.length };
    if (known === undefined) {
      seen.set(output, results.length);
      results.push(output);
    }
  });
  for (const [variable, output] of assignments)
    DonatedVariable.write(
      trace,
      [variable],
      "AssignVariableOp",
      [variable.typeAttribute],
      [variable.handle, output],
    );
  const outputs = tensors.map((tensor, i) => ({
    source: sources[i]!,
    shape: tensor.shape,
    dtype: DT[tensor.dtype as keyof typeof DT],
  }));
  // A result must not be an input itself, and no two results may be one output.
  return { outputs, results: results.map((output) => identity(trace, output)) };
}

const identity = (trace: Trace, output: number): number =>
  trace.node("Identity", [], [output]).outputs[0]!.id;

const elementsEqual = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, i) => size === b[i]);

/**
 * Moves a donated tensor into a variable and returns the variable's id. The tensor stays valid until the call has
 * succeeded; a tensor that shares its data with another (a clone) keeps its present values.
 */
function donate({ backend, variables, binding }: OpenEngine, tensor: Tensor): number {
  const id = backend.getInputTensorIds([tensor])[0]!;
  const record = backend.tensorMap.get(tensor.dataId);
  const shared = record.refCount > 1;
  if (isVariableId(id)) {
    if (!shared) return id;
    record.id = variables.read(id).id;
    return variables.rename(id);
  }
  const variable = variables.create(id);
  if (shared) return variable;
  // Dropping the plain tensor leaves the variable as the only owner, which is what makes updates happen in place.
  record.id = variable;
  binding.deleteTensor(id);
  return variable;
}
