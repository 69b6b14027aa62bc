import { ATTR, bytesPerElement } from "./dtypes.js";
import { firstVariableId } from "./ids.js";
import type { NativeEngine, TensorMetadata } from "./native.js";

interface Entry {
  handle: number;
  shape: number[];
  dtype: number;
}

// The shared name by which TensorFlow makes a variable that dies with its handle.
const anonymous = "cd2c89b7-88b7-44c8-ad83-06c2a9158347";

/**
 * Tensors that live in resource variables, so that a compiled function may update them in place. To everyone else
 * such a tensor is an ordinary one: it is read when it is used.
 */
export class VariableTable {
  private readonly entries = new Map<number, Entry>();
  private nextId = firstVariableId;

  constructor(private readonly native: NativeEngine) {}

  get size(): number {
    return this.entries.size;
  }

  /** A new variable that shares the memory of the native tensor `id` until one of the two is written. */
  create(id: number): number {
    const { shape, dtype } = this.native.tensorInfo(id);
    const [made] = this.native.executeOp(
      "VarHandleOp",
      [
        { name: "dtype", type: ATTR.type, value: dtype },
        { name: "shape", type: ATTR.shape, value: shape },
        { name: "shared_name", type: ATTR.string, value: anonymous },
        { name: "container", type: ATTR.string, value: "" },
      ],
      [],
      1,
    );
    const handle = made!.id;
    try {
      this.native.executeOp(
        "AssignVariableOp",
        [{ name: "dtype", type: ATTR.type, value: dtype }],
        [handle, id],
        0,
      );
    } catch (error) {
      this.native.deleteTensor(handle);
      throw error;
    }
    return this.add({ handle, shape, dtype });
  }

  /** The native id of the resource handle of variable `id`. */
  handleOf(id: number): number {
    return this.entry(id).handle;
  }

  /** A new native tensor with the present contents. The caller deletes it. */
  read(id: number): TensorMetadata {
    const { handle, dtype } = this.entry(id);
    return this.native.executeOp(
      "ReadVariableOp",
      [{ name: "dtype", type: ATTR.type, value: dtype }],
      [handle],
      1,
    )[0]!;
  }

  /** Gives the variable a new id; the old one is no longer known. */
  rename(id: number): number {
    const entry = this.entry(id);
    this.entries.delete(id);
    return this.add(entry);
  }

  delete(id: number): void {
    this.native.deleteTensor(this.entry(id).handle);
    this.entries.delete(id);
  }

  describe(id: number): { shape: number[]; dtype: number } {
    return this.entry(id);
  }

  /** The bytes of the variables' contents on each device. */
  bytesByDevice(): Map<string, number> {
    const bytes = new Map<string, number>();
    for (const { handle, shape, dtype } of this.entries.values()) {
      const { device } = this.native.tensorInfo(handle);
      const elements = shape.reduce((a, b) => a * b, 1);
      bytes.set(device, (bytes.get(device) ?? 0) + elements * bytesPerElement(dtype));
    }
    return bytes;
  }

  private add(entry: Entry): number {
    const id = this.nextId++;
    this.entries.set(id, entry);
    return id;
  }

  private entry(id: number): Entry {
    const entry = this.entries.get(id);
    if (!entry)
      throw Object.assign(new Error(`no live variable has id ${id}; it was disposed or donated`), {
        tfCode: 5,
      });
    return entry;
  }
}
