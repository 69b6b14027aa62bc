import type { DType } from "../dtype.js";

/** A name that a pickle refers to. Nothing is ever looked up or called by it. */
export class PickleGlobal {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}
  get path(): string {
    return `${this.module}.${this.name}`;
  }
}

/** A harmless thing that no tensor depends on: a NumPy scalar, a large integer, a callback's state. */
export class PickleOpaque {
  constructor(readonly what: string) {}
}

/** Stands for a text that is too long for a name. */
export const longText = "long text";

/** A mapping as the entries that were set, in order; nothing is hashed. */
export class PickleDict {
  /** Keys and values by turns. */
  readonly entries: PickleValue[] = [];
}

/** A mutable list. */
export class PickleList {
  readonly items: PickleValue[] = [];
}

/** A tuple. */
export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** A block of elements in its own file of the archive. */
export class PickleStorage {
  constructor(
    /** The file's name within the archive's `data/` folder. */
    readonly key: string,
    /** Undefined for an untyped storage, whose tensors bring the type. */
    readonly dtype: DType | undefined,
    /** Elements, or bytes where untyped. */
    readonly count: number,
  ) {}
}

/** A view of a storage. */
export class PickleTensor {
  constructor(
    readonly storage: PickleStorage,
    readonly dtype: DType,
    /** In elements, as are the strides. */
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** What the closed pickle machine can hold. */
export type PickleValue =
  | null
  | boolean
  | number
  | string
  | PickleGlobal
  | PickleOpaque
  | PickleDict
  | PickleList
  | PickleTuple
  | PickleStorage
  | PickleTensor;
