import { op } from "../pytorch/pickle-opcodes.js";
import { ascii, join, littleEndian } from "./zip-writer.js";

const code = (...codes: number[]): Uint8Array => Uint8Array.from(codes);

/** Pieces of pickles; each pushes one value unless it says otherwise. */
export const pickle = {
  /** A whole pickle of protocol 2 around `body`. */
  file: (...body: Uint8Array[]) => join(code(op.PROTO, 2), ...body, code(op.STOP)),
  code,
  text: (text: string) => join(code(op.BINUNICODE), littleEndian([ascii(text).byteLength, 4]), ascii(text)),
  int: (value: number) =>
    value >= -(2 ** 31) && value < 2 ** 31
      ? join(code(op.BININT), littleEndian([value, 4]))
      : join(code(op.LONG1, 8), littleEndian([value, 8])),
  global: (module: string, name: string) => join(code(op.GLOBAL), ascii(`${module}\n${name}\n`)),
  tuple: (...items: Uint8Array[]) => join(code(op.MARK), ...items, code(op.TUPLE)),
  dict: (...pairs: Uint8Array[]) => join(code(op.EMPTY_DICT, op.MARK), ...pairs, code(op.SETITEMS)),
  list: (...items: Uint8Array[]) => join(code(op.EMPTY_LIST, op.MARK), ...items, code(op.APPENDS)),
  call: (callable: Uint8Array, ...args: Uint8Array[]) =>
    join(callable, pickle.tuple(...args), code(op.REDUCE)),
  storage: (type: string, key: string, count: number) =>
    join(
      pickle.tuple(
        pickle.text("storage"),
        pickle.global("torch", type),
        pickle.text(key),
        pickle.text("cpu"),
        pickle.int(count),
      ),
      code(op.BINPERSID),
    ),
  counts: (...values: number[]) => pickle.tuple(...values.map(pickle.int)),
  tensor: ({ type = "FloatStorage", key = "0", count = 4, offset = 0, shape = [4], strides = [1] } = {}) =>
    pickle.call(
      pickle.global("torch._utils", "_rebuild_tensor_v2"),
      pickle.storage(type, key, count),
      pickle.int(offset),
      pickle.counts(...shape),
      pickle.counts(...strides),
      code(op.NEWFALSE),
      pickle.call(pickle.global("collections", "OrderedDict")),
    ),
};
