/**
 * A model as one value: a tree of tensors, and the config that says how to compute with it. Forward passes are pure functions
 * of a model and its inputs. A model is a tree itself, so that `cloneTree`, `disposeTree` and `jit` take it whole; whoever
 * made its tensors disposes them.
 */
export interface Model<P, C> {
  readonly params: P;
  readonly config: C;
}
