import {
  clone,
  customGrad,
  engine,
  getBackend,
  getGradient,
  getKernel,
  type NamedAttrMap,
  type NamedTensorMap,
  registerGradient,
  registerKernel,
  scalar,
  type Tensor,
  type TensorInfo,
  tidy,
  zeros,
} from "@tensorflow/tfjs-core";
import { runAfter } from "./kernels/run-after.js";
import { leavesOf, treeLike } from "./tree.js";

/** From the leaves of the inputs to the leaves of the outputs. */
type OnLeaves = (inputs: Tensor[]) => Tensor[];

/**
 * Gradient checkpointing (Chen et al., "Training deep nets with sublinear memory cost", 2016): runs `fn(inputs)` and
 * keeps the inputs only; the backward pass runs it again and differentiates it then. Costs one more forward pass.
 *
 * Gradients flow to the leaves of `inputs` and to nothing else. Tensors that `fn` takes from elsewhere are constants
 * and must live until the backward pass: locked parameters may come so, intermediate results may not.
 * @param fn pure and synchronous, from a tree of tensors to a tree of tensors
 * @returns what `fn` returns; the caller disposes it
 */
export function rematerialize<I, O>(fn: (inputs: I) => O, inputs: I): O {
  let output: O | undefined;
  const onLeaves: OnLeaves = (leaves) => {
    output = fn(treeLike(inputs, leaves));
    return tensorsOf(output).map((leaf) => (leaves.includes(leaf) ? clone(leaf) : leaf));
  };
  register();
  const named = tensorsOf(inputs) as unknown as NamedTensorMap;
  const results = engine().runKernel(kernelName, named, { onLeaves } as unknown as NamedAttrMap);
  return treeLike(output as O, results as unknown as Tensor[]);
}

const kernelName = "Rematerialize";

const tensorsOf = (tree: unknown): Tensor[] => leavesOf(tree).map((leaf) => leaf.value);

function register(): void {
  const backendName = getBackend();
  if (!getKernel(kernelName, backendName))
    registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs }) => {
        const { onLeaves } = attrs as unknown as { onLeaves: OnLeaves };
        return tidy(() => onLeaves(Object.values(inputs) as Tensor[])) as TensorInfo[];
      },
    });
  if (!getGradient(kernelName))
    registerGradient({
      kernelName,
      saveAllInputs: true,
      gradFunc: (upstream, inputs, attrs) => {
        const { onLeaves } = attrs as unknown as { onLeaves: OnLeaves };
        const upstreams = Array.isArray(upstream) ? upstream : [upstream];
        const gradients = tidy(() => gradientsOf(onLeaves, inputs, upstreams));
        return Object.fromEntries(gradients.map((gradient, i) => [i, () => gradient]));
      },
    });
}

/** Runs `fn` again and gives the gradient of each input, zeros where there is none. */
function gradientsOf(fn: OnLeaves, saved: Tensor[], upstreams: Tensor[]): Tensor[] {
  const inputs = runAfter(saved, upstreams[0]!);
  const differentiable = inputs.filter((input) => input.dtype === "float32");
  if (differentiable.length === 0) return inputs.map((input) => zeros(input.shape));
  // tfjs has one tape; the one that the outer backward pass is walking must survive this inner one.
  const { state } = engine();
  const outerTape = state.activeTape;
  try {
    const { grads } = engine().gradients(
      () => weighted(fn(inputs), upstreams),
      differentiable,
      undefined,
      true,
    );
    return inputs.map((input) => grads[differentiable.indexOf(input)] ?? zeros(input.shape));
  } finally {
    state.activeTape = outerTape;
  }
}

/** A scalar whose gradient for each of `outputs` is the given upstream one. */
function weighted(outputs: Tensor[], upstreams: Tensor[]): Tensor {
  const seed = customGrad(() => ({
    value: scalar(0),
    gradFunc: () => upstreams.map((upstream) => clone(upstream)),
  }));
  return seed(...outputs);
}
