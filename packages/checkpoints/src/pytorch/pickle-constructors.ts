import { type DType, isDType } from "../dtype.js";
import { quote } from "../quote.js";
import { cost, type MemoryBudget } from "./memory-budget.js";
import {
  PickleDict,
  PickleGlobal,
  PickleList,
  PickleOpaque,
  PickleStorage,
  PickleTensor,
  PickleTuple,
  type PickleValue,
} from "./pickle-values.js";

/** Ends the reading with an error. */
export type PickleRefusal = (code: "format" | "unsupported", message: string) => never;

const storageTypes: ReadonlyMap<string, DType | undefined> = new Map<string, DType | undefined>([
  ["torch.BoolStorage", "BOOL"],
  ["torch.ByteStorage", "U8"],
  ["torch.CharStorage", "I8"],
  ["torch.ShortStorage", "I16"],
  ["torch.IntStorage", "I32"],
  ["torch.LongStorage", "I64"],
  ["torch.HalfStorage", "F16"],
  ["torch.BFloat16Storage", "BF16"],
  ["torch.FloatStorage", "F32"],
  ["torch.DoubleStorage", "F64"],
  ["torch.ComplexFloatStorage", "C64"],
  ["torch.storage.UntypedStorage", undefined],
  ["torch.UntypedStorage", undefined],
]);

const elementTypes: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["torch.bool", "BOOL"],
  ["torch.uint8", "U8"],
  ["torch.int8", "I8"],
  ["torch.int16", "I16"],
  ["torch.int32", "I32"],
  ["torch.int64", "I64"],
  ["torch.uint16", "U16"],
  ["torch.uint32", "U32"],
  ["torch.uint64", "U64"],
  ["torch.float16", "F16"],
  ["torch.bfloat16", "BF16"],
  ["torch.float32", "F32"],
  ["torch.float64", "F64"],
  ["torch.complex64", "C64"],
  ["torch.float8_e4m3fn", "F8_E4M3"],
  ["torch.float8_e5m2", "F8_E5M2"],
]);

const orderedDict = "collections.OrderedDict";
const tensorBuilders: ReadonlySet<string> = new Set([
  "torch._utils._rebuild_tensor",
  "torch._utils._rebuild_tensor_v2",
  "torch._utils._rebuild_tensor_v3",
]);
const parameterBuilders: ReadonlySet<string> = new Set([
  "torch._utils._rebuild_parameter",
  "torch._utils._rebuild_parameter_with_state",
]);

/** Names that training frameworks leave beside the weights. They stand for nothing and no tensor may need them. */
const harmless: ReadonlySet<string> = new Set([
  "torch.Size",
  "torch.device",
  "builtins.set",
  "__builtin__.set",
  "builtins.dict",
  "__builtin__.dict",
  "collections.defaultdict",
  "collections.Counter",
  "argparse.Namespace",
  "pathlib.Path",
  "pathlib.PosixPath",
  "pathlib.PurePosixPath",
  "pathlib.WindowsPath",
  "pathlib.PureWindowsPath",
  "torch.nn.modules.container.ParameterDict",
  "_codecs.encode",
  "numpy.dtype",
  "numpy.ndarray",
  "numpy.core.multiarray.scalar",
  "numpy.core.multiarray._reconstruct",
  "numpy._core.multiarray.scalar",
  "numpy._core.multiarray._reconstruct",
  "pytorch_lightning.callbacks.ModelCheckpoint",
  "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
  "pytorch_lightning.callbacks.early_stopping.EarlyStopping",
  "pytorch_lightning.utilities.enums.LightningEnum",
]);

/** Admits a name that is on the closed list; all others end the reading. */
export function admit(module: string, name: string, refuse: PickleRefusal): PickleGlobal {
  const global = new PickleGlobal(module, name);
  const { path } = global;
  const known =
    path === orderedDict ||
    tensorBuilders.has(path) ||
    parameterBuilders.has(path) ||
    storageTypes.has(path) ||
    elementTypes.has(path) ||
    harmless.has(path);
  if (!known)
    refuse(
      "unsupported",
      `the pickle asks for ${quote(path)}, which no file of weights needs; nothing was executed. If you trust the file, load it in Python and save only its tensors, best as safetensors`,
    );
  return global;
}

/** What calling an admitted name gives. */
export function construct(
  global: PickleValue,
  args: PickleValue,
  budget: MemoryBudget,
  refuse: PickleRefusal,
): PickleValue {
  if (global instanceof PickleOpaque) return global;
  if (!(global instanceof PickleGlobal) || !(args instanceof PickleTuple))
    return refuse("format", "the pickle calls something that is no name");
  const { path } = global;
  if (path === orderedDict) return buildDict(args, budget, refuse);
  if (tensorBuilders.has(path)) return buildTensor(path, args.items, budget, refuse);
  if (parameterBuilders.has(path)) {
    const [data] = args.items;
    return data instanceof PickleTensor
      ? data
      : refuse("format", "the pickle has a parameter that is no tensor");
  }
  if (harmless.has(path)) return new PickleOpaque(path);
  return refuse("format", `the pickle calls ${quote(path)}, which can't be called`);
}

function buildDict({ items }: PickleTuple, budget: MemoryBudget, refuse: PickleRefusal): PickleDict {
  const dict = new PickleDict();
  const [pairs] = items;
  if (items.length === 0) return dict;
  if (items.length > 1 || !(pairs instanceof PickleList))
    return refuse("format", "the pickle has a damaged OrderedDict");
  budget.charge(pairs.items.length * 2 * cost.slot);
  for (const pair of pairs.items) {
    const entry = pair instanceof PickleList || pair instanceof PickleTuple ? pair.items : [];
    if (entry.length !== 2) refuse("format", "the pickle has a damaged OrderedDict");
    dict.entries.push(entry[0]!, entry[1]!);
  }
  return dict;
}

/** The storage that a persistent id `("storage", type, key, location, count)` names. */
export function buildStorage(id: PickleValue, refuse: PickleRefusal): PickleStorage {
  const [kind, type, key, location, count] = id instanceof PickleTuple ? id.items : [];
  if (
    kind !== "storage" ||
    !(type instanceof PickleGlobal) ||
    !storageTypes.has(type.path) ||
    typeof key !== "string" ||
    typeof location !== "string" ||
    typeof count !== "number" ||
    !isCount(count)
  )
    return refuse("format", "the pickle has a persistent id that is no storage");
  if (!/^[\w.-]{1,64}$/.test(key) || key.startsWith("."))
    refuse("format", `the pickle names a storage ${quote(key)}`);
  return new PickleStorage(key, storageTypes.get(type.path), count);
}

const isCount = (value: PickleValue | undefined): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;

const rankLimit = 64;

function buildTensor(
  builder: string,
  args: readonly PickleValue[],
  budget: MemoryBudget,
  refuse: PickleRefusal,
): PickleTensor {
  const wrong = (message: string): never => refuse("format", `the pickle has a damaged tensor: ${message}`);
  const [storage, offset, size, stride] = args;
  if (!(storage instanceof PickleStorage)) return wrong("it has no storage");
  if (!isCount(offset)) return wrong("its offset is no count");
  const shape = counts(size);
  const strides = counts(stride);
  if (!shape || !strides || shape.length !== strides.length) return wrong("its shape and strides don't fit");
  const typed = builder.endsWith("_v3");
  const extra = args[typed ? 7 : 6];
  if (extra instanceof PickleDict && extra.entries.length > 0)
    refuse("unsupported", "the pickle has a conjugated or negated tensor; save it resolved");
  const brought = args[6];
  const dtype = typed && brought instanceof PickleGlobal ? elementTypes.get(brought.path) : storage.dtype;
  if (dtype === undefined || !isDType(dtype)) return wrong("its type is unknown");
  budget.charge(2 * cost.object + 2 * shape.length * cost.slot);
  return new PickleTensor(storage, dtype, offset, shape, strides);
}

function counts(value: PickleValue | undefined): number[] | undefined {
  const items = value instanceof PickleTuple || value instanceof PickleList ? value.items : undefined;
  return items && items.length <= rankLimit && items.every(isCount) ? [...(items as number[])] : undefined;
}
