import {
  type Attribute,
  engine,
  type GradConfig,
  getBackend,
  getGradient,
  getKernel,
  type KernelFunc,
  type NamedAttrMap,
  type NamedTensorInfoMap,
  type NamedTensorMap,
  registerGradient,
  registerKernel,
  type Tensor,
  type TensorInfo,
  tidy,
} from "@tensorflow/tfjs-core";

/** Plain values that shape a kernel's work: numbers, strings, lists. */
export type KernelAttributes = Record<string, Attribute | Attribute[] | undefined>;

/** The gradients of the inputs that are asked for, each computed on demand. */
export type LazyGradients<I extends string> = Partial<Record<I, () => Tensor>>;

/** One operation of the engine seam: how it is composed from tfjs ops, and its gradient. */
export interface KernelSpec<I extends string, A extends KernelAttributes> {
  /** The kernel's name in tfjs's registry. An engine may register a faster one under the same name. */
  name: string;
  /** Composed from tfjs ops; runs inside `tidy`, untaped. */
  forward(inputs: Record<I, Tensor>, attributes: A): Tensor[];
  /** Inputs kept for the gradient; nothing else of the forward pass stays in memory ... */
  saveInputs?: readonly I[];
  /** ... but the outputs at these positions. */
  saveOutputs?: readonly number[];
  /** The gradient for the first output's `upstream`, from what was saved (inputs in order, then outputs). */
  gradient?(upstream: Tensor, saved: Tensor[], attributes: A): LazyGradients<I>;
}

/** The composed form of an operation. */
export interface ComposedKernel {
  forward: KernelFunc;
  gradient: GradConfig | undefined;
}

const composed = new Map<string, ComposedKernel>();

/**
 * The composed form of operation `name`, to which an engine's own one may leave what it does not cover; undefined
 * where nothing imports that operation.
 */
export const composedKernel = (name: string): ComposedKernel | undefined => composed.get(name);

/**
 * Makes an operation that runs as one tfjs kernel with its own gradient: an engine's own version where it has
 * registered one, the composed one elsewhere. Registration happens at the first call on each backend.
 */
export function defineKernel<I extends string, A extends KernelAttributes>(
  spec: KernelSpec<I, A>,
): (inputs: Record<I, Tensor>, attributes: A) => Tensor[] {
  const { gradient } = spec;
  const own: ComposedKernel = {
    forward: ({ inputs, attrs }) =>
      tidy(() => spec.forward(inputs as unknown as Record<I, Tensor>, attrs as unknown as A)) as TensorInfo[],
    gradient: gradient && {
      kernelName: spec.name,
      inputsToSave: [...(spec.saveInputs ?? [])],
      outputsToSave: outputMask(spec.saveOutputs ?? []),
      gradFunc: (upstream, saved, attrs) =>
        gradient(
          Array.isArray(upstream) ? upstream[0]! : upstream,
          saved,
          attrs as unknown as A,
        ) as unknown as Record<string, () => Tensor>,
    },
  };
  composed.set(spec.name, own);
  const register = () => {
    const backendName = getBackend();
    if (!getKernel(spec.name, backendName))
      registerKernel({ kernelName: spec.name, backendName, kernelFunc: own.forward });
    if (own.gradient && !getGradient(spec.name)) registerGradient(own.gradient);
  };
  return (inputs, attributes) => {
    register();
    const named = inputs as unknown as NamedTensorInfoMap & NamedTensorMap;
    const result: unknown = engine().runKernel(spec.name, named, attributes as unknown as NamedAttrMap);
    return Array.isArray(result) ? (result as Tensor[]) : [result as Tensor];
  };
}

function outputMask(positions: readonly number[]): boolean[] {
  return Array.from({ length: Math.max(0, ...positions.map((p) => p + 1)) }, (_, i) => positions.includes(i));
}
