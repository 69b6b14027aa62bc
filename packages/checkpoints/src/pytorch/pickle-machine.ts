import { ControlNetError } from "@controlnet-js/core";
import { cost, type MemoryBudget } from "./memory-budget.js";
import type { PickleRefusal } from "./pickle-constructors.js";
import { PickleReader } from "./pickle-reader.js";
import { PickleDict, PickleList, PickleOpaque, PickleTensor, type PickleValue } from "./pickle-values.js";

/** What a pickle may use: enough for 20,000 tensors, where a whole Stable Diffusion training state has 4,000. */
export const pickleLimits = {
  bytes: 64 * 2 ** 20,
  opcodes: 1_000_000,
  /** Texts, containers and calls. */
  objects: 200_000,
  stack: 100_000,
  marks: 10_000,
  memo: 200_000,
} as const;

/** The stack, the marks and the memo of one reading. */
export class PickleMachine {
  readonly reader: PickleReader;
  private objects = 0;
  private readonly stack: PickleValue[] = [];
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, PickleValue>();

  constructor(
    bytes: Uint8Array,
    private readonly where: string,
    readonly budget: MemoryBudget,
  ) {
    this.reader = new PickleReader(bytes, this.damaged);
    if (bytes.byteLength > pickleLimits.bytes)
      this.damaged(`its pickle has ${bytes.byteLength} bytes (at most ${pickleLimits.bytes})`);
  }

  /** The only value left, when the bytes and the marks are used up as well. */
  finish(): PickleValue {
    const value = this.pop();
    if (this.stack.length > 0 || this.marks.length > 0) this.damaged("its pickle leaves values behind");
    if (!this.reader.done) this.damaged("its pickle goes on after its end");
    return value;
  }

  push(value: PickleValue): void {
    if (this.stack.length === pickleLimits.stack)
      this.damaged(`its pickle stacks more than ${pickleLimits.stack} values`);
    this.stack.push(value);
  }

  /** Pushes a value that takes memory of its own. */
  make(value: PickleValue, bytes: number = cost.object): void {
    this.budget.charge(bytes);
    if (++this.objects > pickleLimits.objects)
      this.damaged(`its pickle makes more than ${pickleLimits.objects} objects`);
    this.push(value);
  }

  /** The last value, which must lie above the last mark. */
  top(): PickleValue {
    const floor = this.marks[this.marks.length - 1] ?? 0;
    if (this.stack.length <= floor) this.damaged("its pickle takes more values than it has");
    return this.stack[this.stack.length - 1]!;
  }

  pop(): PickleValue {
    const value = this.top();
    this.stack.pop();
    return value;
  }

  mark(): void {
    if (this.marks.length === pickleLimits.marks)
      this.damaged(`its pickle nests more than ${pickleLimits.marks} marks`);
    this.marks.push(this.stack.length);
  }

  /** Takes the values above the last mark, and the mark. */
  sinceMark(): PickleValue[] {
    const mark = this.marks.pop();
    return mark === undefined ? this.damaged("its pickle lacks a mark") : this.stack.splice(mark);
  }

  /** Stores the last value under a number, the next free one unless told. */
  remember(index = this.memo.size): void {
    const known = this.memo.size;
    this.memo.set(index, this.top());
    if (this.memo.size > known) this.budget.charge(cost.memo);
    if (this.memo.size > pickleLimits.memo)
      this.damaged(`its pickle remembers more than ${pickleLimits.memo} values`);
  }

  recall(index: number): void {
    const value = this.memo.get(index);
    this.push(
      value === undefined ? this.damaged(`its pickle recalls value ${index}, which it never stored`) : value,
    );
  }

  append(values: readonly PickleValue[]): void {
    const list = this.top();
    this.budget.charge(values.length * cost.slot);
    if (list instanceof PickleList) for (const value of values) list.items.push(value);
    else if (!(list instanceof PickleOpaque)) this.damaged("its pickle appends to what is no list");
  }

  setItems(pairs: readonly PickleValue[]): void {
    const dict = this.top();
    this.budget.charge(pairs.length * cost.slot);
    if (pairs.length % 2 !== 0) this.damaged("its pickle sets a key without a value");
    if (dict instanceof PickleDict) for (const value of pairs) dict.entries.push(value);
    else if (!(dict instanceof PickleOpaque)) this.damaged("its pickle sets items of what is no dict");
  }

  addItems(_values: readonly PickleValue[]): void {
    if (!(this.top() instanceof PickleOpaque)) this.damaged("its pickle adds to what is no set");
  }

  /** Takes the state to set on the value below it: attributes, which nothing here has. */
  build(): void {
    this.pop();
    const object = this.top();
    const plain =
      object instanceof PickleOpaque || object instanceof PickleDict || object instanceof PickleTensor;
    if (!plain) this.damaged("its pickle sets the state of something that has none");
  }

  readonly refuse: PickleRefusal = (code, message) => {
    throw new ControlNetError(code, `${this.where}: ${message}`);
  };

  readonly damaged = (message: string): never => this.refuse("format", message);
}
