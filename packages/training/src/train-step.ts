import { disposeTree, jit, leavesOf, mapTree, type Precision, treeLike } from "@controlnet-js/core";
import {
  add,
  addN,
  div,
  minimum,
  mul,
  type Scalar,
  scalar,
  sqrt,
  square,
  sum,
  type Tensor,
  tidy,
  valueAndGrads,
  zerosLike,
} from "@tensorflow/tfjs-core";
import { adamW, type Optimizer } from "./optimizer.js";
import type { ProcessGroup } from "./process-group.js";

/** How parameters are changed, besides their gradients. */
export interface UpdateOptions {
  /** Default {@link adamW}. */
  optimizer?: Optimizer;
  /** Gradients are scaled down to this global norm; Infinity leaves them. Default 1. */
  clipNorm?: number;
  /** Decay of the exponential moving average (EMA) of the parameters; 0, the default, keeps none. */
  emaDecay?: number;
}

/** What a training step changes. The caller owns it; {@link TrainStep.run} takes it over and gives a new one. */
export interface TrainState<P> {
  params: P;
  /** What the optimiser keeps, by the names of its slots. */
  slots: Record<string, P>;
  ema?: P;
}

/** A fresh state around `params`, which it takes over. */
export function createTrainState<P>(
  params: P,
  { optimizer = adamW(), emaDecay = 0 }: UpdateOptions = {},
): TrainState<P> {
  const zeros = () => mapTree(params, (leaf) => zerosLike(leaf)) as P;
  return {
    params,
    slots: Object.fromEntries(optimizer.slots.map((name) => [name, zeros()])),
    ...(emaDecay > 0 && { ema: mapTree(params, (leaf) => tidy(() => add(leaf, 0))) as P }),
  };
}

/** What one step reports. */
export interface StepReport {
  loss: number;
  /** Global norm of the gradients before clipping. */
  gradientNorm: number;
  /** The gradients overflowed under the loss scale, so nothing was updated. */
  skipped: boolean;
}

/** A compiled training step. */
export interface TrainStep<P, B> {
  /**
   * One optimiser step over `batches`, whose gradients are averaged (accumulation). Takes over `state`, disposes the
   * batches once they are used.
   * @param step updates before this one; sets the bias correction
   * @param lossScale multiplies the loss before its gradients are taken; they are divided again in float32. With a
   * scale, gradients that are not finite leave the state as it was
   */
  run(
    state: TrainState<P>,
    batches: Iterable<B>,
    step: number,
    rate: number,
    lossScale?: number,
  ): Promise<{ state: TrainState<P>; report: StepReport }>;
  dispose(): void;
}

/** The numbers that change from step to step, as tensors, so that one trace serves all steps. */
interface Scalars {
  /** The optimiser's. */
  update: Record<string, Tensor>;
  lossScale: Tensor;
  /** Divides sums of scaled losses and gradients: batches of all processes times the loss scale. */
  count: Tensor;
}

/** What a training step does, and how it is compiled. */
export interface TrainStepOptions extends UpdateOptions {
  name?: string;
  /** Arithmetic of the heavy ops, where the engine has it; parameters and moments stay float32. */
  precision?: Precision;
  /** Averages loss and gradients over these processes; each of them runs the same steps from the same state. */
  group?: ProcessGroup | undefined;
}

/**
 * Compiles loss, gradients, clipping, optimiser and EMA into one function where the engine can (`jit`).
 * @param loss mean loss of a batch; runs inside `tidy`
 */
export function createTrainStep<P, B>(
  loss: (params: P, batch: B) => Scalar,
  {
    optimizer = adamW(),
    clipNorm = 1,
    emaDecay = 0,
    name = "train-step",
    precision = "float32",
    group,
  }: TrainStepOptions = {},
): TrainStep<P, B> {
  const gradientsOf = (params: P, batch: B, lossScale?: Tensor) => {
    const values = leavesOf(params).map(({ value }) => value);
    const scaled = (...leaves: Tensor[]): Scalar => {
      const plain = loss(treeLike(params, leaves), batch);
      return lossScale ? mul(plain, lossScale) : plain;
    };
    return valueAndGrads(scaled)(values);
  };
  const normOf = (grads: Tensor[]) => sqrt(addN(grads.map((gradient) => sum(square(gradient)))));
  const apply = (state: TrainState<P>, grads: Tensor[], scalars: Scalars) => {
    const norm = normOf(grads);
    const factor = minimum(1, div(clipNorm, add(norm, 1e-6)));
    return { state: updated(state, grads, factor, scalars.update, { optimizer, emaDecay }), norm };
  };
  const whole = jit(
    (state: TrainState<P>, batch: B, scalars: Scalars) => {
      const { value, grads } = gradientsOf(state.params, batch);
      return { ...apply(state, grads, scalars), loss: value };
    },
    { name, donate: [0], precision },
  );
  const accumulate = jit(
    (sums: Tensor[], params: P, batch: B, lossSum: Tensor, lossScale: Tensor) => {
      const { value, grads } = gradientsOf(params, batch, lossScale);
      return { sums: grads.map((gradient, i) => add(sums[i]!, gradient)), lossSum: add(lossSum, value) };
    },
    { name: `${name}-accumulate`, donate: [0], precision },
  );
  const overflow = jit((sums: Tensor[]) => normOf(sums), { name: `${name}-overflow` });
  const finish = jit(
    (state: TrainState<P>, sums: Tensor[], scalars: Scalars) =>
      apply(
        state,
        sums.map((gradient) => div(gradient, scalars.count)),
        scalars,
      ),
    { name: `${name}-update`, donate: [0] },
  );

  const runOne = (state: TrainState<P>, batch: B, scalars: Scalars) => {
    const result = whole(state, batch, scalars);
    disposeTree(batch);
    return result;
  };
  const runMany = async (state: TrainState<P>, batches: B[], scalars: Scalars, scaled: boolean) => {
    let sums: Tensor[] = leavesOf(state.params).map(({ value }) => zerosLike(value));
    let lossSum: Tensor = scalar(0);
    for (const batch of batches) {
      const before = lossSum;
      ({ sums, lossSum } = accumulate(sums, state.params, batch, lossSum, scalars.lossScale));
      before.dispose();
      disposeTree(batch);
    }
    if (group) [sums, lossSum] = await overProcesses(group, sums, lossSum);
    const loss = div(lossSum, scalars.count);
    lossSum.dispose();
    // The update is in place, so whether there is one must be known before it.
    const norm = scaled ? overflow(sums) : undefined;
    const skipped = norm !== undefined && !Number.isFinite((await norm.data())[0]);
    const result = skipped ? { state, norm: norm! } : finish(state, sums, scalars);
    if (!skipped) norm?.dispose();
    disposeTree(sums);
    return { ...result, loss, skipped };
  };

  return {
    async run(state, batches, step, rate, lossScale) {
      const all = [...batches];
      const scaled = lossScale !== undefined;
      const scale = lossScale ?? 1;
      const scalars: Scalars = {
        update: scalarTensors(optimizer.scalars(step, rate)),
        lossScale: scalar(scale),
        count: scalar(all.length * (group?.size ?? 1) * scale),
      };
      const result =
        all.length > 1 || scaled || group
          ? await runMany(state, all, scalars, scaled)
          : { ...runOne(state, all[0]!, scalars), skipped: false };
      disposeTree(scalars);
      const [loss, norm] = await Promise.all([result.loss.data(), result.norm.data()]);
      result.loss.dispose();
      result.norm.dispose();
      const report = { loss: loss[0]!, gradientNorm: norm[0]!, skipped: result.skipped };
      return { state: result.state, report };
    },
    dispose() {
      whole.dispose();
      accumulate.dispose();
      overflow.dispose();
      finish.dispose();
    },
  };
}

/** Sums of gradients and loss over all processes; disposes the own ones. */
async function overProcesses(
  group: ProcessGroup,
  sums: Tensor[],
  lossSum: Tensor,
): Promise<[Tensor[], Tensor]> {
  const own = [...sums, lossSum];
  const all = await group.allReduce(own);
  disposeTree(own);
  return [all.slice(0, -1), all.at(-1)!];
}

const scalarTensors = (numbers: Record<string, number>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, scalar(value)]));

/** The state after one update with gradients times `factor`. */
function updated<P>(
  state: TrainState<P>,
  grads: Tensor[],
  factor: Tensor,
  scalars: Record<string, Tensor>,
  { optimizer, emaDecay }: { optimizer: Optimizer; emaDecay: number },
): TrainState<P> {
  const values = (tree: P) => leavesOf(tree).map(({ value }) => value);
  const slots = optimizer.slots.map((name) => values(state.slots[name]!));
  const outputs = values(state.params).map((parameter, i) =>
    optimizer.update(
      { parameter, gradient: mul(grads[i]!, factor), slots: slots.map((slot) => slot[i]!) },
      scalars,
    ),
  );
  const pick = (position: number) =>
    treeLike(
      state.params,
      outputs.map((all) => all[position]!),
    );
  return {
    params: pick(0),
    slots: Object.fromEntries(optimizer.slots.map((name, i) => [name, pick(i + 1)])),
    ...(state.ema && {
      ema: treeLike(
        state.ema,
        values(state.ema).map((average, i) =>
          add(mul(average, emaDecay), mul(outputs[i]![0]!, 1 - emaDecay)),
        ),
      ),
    }),
  };
}
