import { isControlNetError } from "@controlnet-js/core";
import { describe, expect, it } from "vitest";
import { cpuClock } from "../testing/cpu-time.js";
import { pickle } from "../testing/pickle-writer.js";
import { ascii, join, littleEndian, writeZip } from "../testing/zip-writer.js";
import { parsePytorch } from "./parse-pytorch.js";
import { op } from "./pickle-opcodes.js";

const { code, text, int, global, tuple, dict, list, call, tensor, counts, storage } = pickle;
const data = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
const archive = (body: Uint8Array) =>
  writeZip([
    { name: "archive/data.pkl", data: body },
    { name: "archive/data/0", data },
  ]);
const state = (value: Uint8Array) => pickle.file(dict(text("w"), value));
const repeat = (piece: Uint8Array, times: number) => {
  const out = new Uint8Array(piece.byteLength * times);
  for (let i = 0; i < times; i++) out.set(piece, i * piece.byteLength);
  return out;
};
const rebuild = (...args: Uint8Array[]) => call(global("torch._utils", "_rebuild_tensor_v2"), ...args);
const persistent = (...items: Uint8Array[]) => join(tuple(...items), code(op.BINPERSID));
const floats = global("torch", "FloatStorage");
const forbidden = [
  ["os", "system"],
  ["posix", "system"],
  ["nt", "system"],
  ["subprocess", "Popen"],
  ["builtins", "eval"],
  ["builtins", "exec"],
  ["builtins", "getattr"],
  ["builtins", "__import__"],
  ["__builtin__", "eval"],
  ["importlib", "import_module"],
  ["runpy", "_run_code"],
  ["shutil", "rmtree"],
  ["socket", "socket"],
  ["webbrowser", "open"],
  ["pickle", "loads"],
  ["torch", "load"],
  ["torch.hub", "load"],
  ["torch._utils", "_rebuild_qtensor"],
  ["torch._utils", "_import_dotted_name"],
  ["torch.jit", "load"],
  ["numpy", "load"],
  ["numpy.testing._private.utils", "runstring"],
  ["operator", "attrgetter"],
  ["functools", "partial"],
  ["collections", "namedtuple"],
  ["copyreg", "_reconstructor"],
  ["__proto__", "constructor"],
  ["constructor", "constructor"],
  ["torch", "FloatStorage.__init__"],
  ["collections.OrderedDict", "__reduce__"],
] as const;

const cases: [what: string, body: Uint8Array, message: RegExp][] = [
  ["empty", new Uint8Array(0), /cut short/],
  ["without a protocol", code(op.EMPTY_DICT, op.STOP), /begin with a protocol/],
  ["of protocol 1", code(op.PROTO, 1, op.EMPTY_DICT, op.STOP), /protocol 1/],
  ["of protocol 200", code(op.PROTO, 200, op.EMPTY_DICT, op.STOP), /protocol 200/],
  ["without an end", code(op.PROTO, 2, op.EMPTY_DICT), /cut short/],
  ["with bytes after its end", join(state(tensor()), code(0)), /goes on after its end/],
  ["with a second pickle after the first", join(state(tensor()), state(tensor())), /goes on after its end/],
  ["that ends with nothing", pickle.file(), /more values than it has/],
  ["that leaves values behind", pickle.file(int(1), dict(text("w"), tensor())), /leaves values behind/],
  [
    "that leaves a mark behind",
    pickle.file(code(op.MARK), dict(text("w"), tensor())),
    /leaves values behind|more values than/,
  ],
  ["with an unknown opcode", pickle.file(code(0xff)), /unknown opcode 0xff/],
  ["with INST", pickle.file(code(op.MARK, 0x69), ascii("os\nsystem\n")), /opcode INST/],
  ["with OBJ", pickle.file(code(op.MARK, 0x6f)), /opcode OBJ/],
  ["with NEWOBJ_EX", pickle.file(code(0x92)), /opcode NEWOBJ_EX/],
  ["with EXT1", pickle.file(code(0x82, 1)), /opcode EXT1/],
  ["with EXT4", pickle.file(code(0x84, 1, 0, 0, 0)), /opcode EXT4/],
  ["with PERSID", pickle.file(code(0x50), ascii("a\n")), /opcode PERSID/],
  ["with BYTEARRAY8", pickle.file(code(0x96)), /opcode BYTEARRAY8/],
  ["with NEXT_BUFFER", pickle.file(code(0x97)), /opcode NEXT_BUFFER/],
  [
    "with a forbidden STACK_GLOBAL",
    pickle.file(text("os"), text("system"), code(op.STACK_GLOBAL)),
    /"os\.system"/,
  ],
  ["with a STACK_GLOBAL of numbers", pickle.file(int(1), int(2), code(op.STACK_GLOBAL)), /by no text/],
  [
    "with a forbidden name in an ignorable part",
    pickle.file(
      dict(text("state_dict"), dict(text("w"), tensor()), text("hook"), call(global("os", "getcwd"))),
    ),
    /"os\.getcwd"/,
  ],
  ["with an unending name", pickle.file(code(op.GLOBAL), repeat(ascii("a"), 5000)), /unending name/],
  ["with a name that is not UTF-8", pickle.file(code(op.GLOBAL, 0xff, 0xfe, 10, 97, 10)), /not UTF-8/],
  ["that calls a number", pickle.file(int(1), tuple(), code(op.REDUCE)), /calls something that is no name/],
  ["that calls a storage type", state(call(floats, int(1))), /can't be called/],
  [
    "that calls without a tuple",
    pickle.file(global("collections", "OrderedDict"), list(), code(op.REDUCE)),
    /calls something/,
  ],
  [
    "that builds onto a name",
    pickle.file(global("collections", "OrderedDict"), dict(), code(op.BUILD)),
    /sets the state/,
  ],
  ["that appends to a number", pickle.file(int(1), int(2), code(op.APPEND)), /appends to what is no list/],
  [
    "that sets items of a list",
    pickle.file(code(op.EMPTY_LIST), int(1), int(2), code(op.SETITEM)),
    /no dict/,
  ],
  [
    "that sets a key without a value",
    pickle.file(code(op.EMPTY_DICT, op.MARK), int(1), code(op.SETITEMS)),
    /without a value/,
  ],
  [
    "that adds to a dict as to a set",
    pickle.file(code(op.EMPTY_DICT, op.MARK), int(1), code(op.ADDITEMS)),
    /no set/,
  ],
  ["that pops past a mark", pickle.file(int(1), code(op.MARK, op.POP)), /more values than it has/],
  ["that closes an unopened mark", pickle.file(code(op.TUPLE)), /lacks a mark/],
  ["that recalls what was never stored", pickle.file(code(op.BINGET, 9)), /recalls value 9/],
  [
    "that recalls with a huge index",
    pickle.file(code(op.LONG_BINGET, 255, 255, 255, 255)),
    /recalls value 4294967295/,
  ],
  ["that stores nothing", pickle.file(code(op.BINPUT, 0)), /more values/],
  ["with text past its end", pickle.file(code(op.BINUNICODE), littleEndian([2 ** 31, 4])), /cut short/],
  [
    "with 8-byte text past its end",
    pickle.file(code(op.BINUNICODE8), littleEndian([2 ** 50, 8])),
    /cut short/,
  ],
  [
    "with bytes past its end",
    pickle.file(code(op.BINBYTES8, 255, 255, 255, 255, 255, 255, 255, 255)),
    /cut short/,
  ],
  [
    "with a long integer past its end",
    pickle.file(code(op.LONG4), littleEndian([2 ** 31 - 1, 4])),
    /cut short/,
  ],
  ["with text that is not UTF-8", pickle.file(code(op.BINUNICODE, 1, 0, 0, 0, 0xff)), /not UTF-8/],
  ["with a tower of marks", pickle.file(repeat(code(op.MARK), 20_000)), /more than 10000 marks/],
  ["with a stack bomb", pickle.file(repeat(code(op.NONE), 200_000)), /stacks more than 100000/],
  ["with a DUP bomb", pickle.file(int(1), repeat(code(op.DUP), 200_000)), /stacks more than 100000/],
  [
    "with a bomb of lists",
    pickle.file(repeat(code(op.EMPTY_LIST, op.POP), 500_000)),
    /more than 200000 objects/,
  ],
  [
    "with a bomb of opcodes",
    pickle.file(repeat(code(op.NONE, op.POP), 600_000)),
    /more than 1000000 opcodes/,
  ],
  [
    "with a memo bomb of numbers",
    pickle.file(int(1), repeat(join(code(op.MEMOIZE)), 600_000)),
    /remembers more than 200000/,
  ],
  [
    "with dicts nested without end",
    pickle.file(
      ...Array.from({ length: 3000 }, () => join(code(op.EMPTY_DICT, op.MARK), text("a"))),
      dict(text("w"), tensor()),
      repeat(code(op.SETITEMS), 3000),
    ),
    /nested more than 16/,
  ],
  [
    "with a dict in itself",
    pickle.file(
      code(op.EMPTY_DICT, op.BINPUT, 0, op.MARK),
      text("a"),
      code(op.BINGET, 0),
      text("w"),
      tensor(),
      code(op.SETITEMS),
    ),
    /nested more than 16/,
  ],
  [
    "with a dict twice in itself",
    pickle.file(
      code(op.EMPTY_DICT, op.BINPUT, 0, op.MARK),
      text("a"),
      code(op.BINGET, 0),
      text("b"),
      code(op.BINGET, 0),
      text("w"),
      tensor(),
      code(op.SETITEMS),
    ),
    /nested more than 16/,
  ],
  ["that is a number", pickle.file(int(1)), /expected a dict of tensors, found a number/],
  ["that is a list of tensors", pickle.file(list(tensor())), /found a list/],
  ["that is one tensor", pickle.file(tensor()), /found a tensor/],
  ["without tensors", pickle.file(dict(text("lr"), int(1))), /no weights found; the file holds: "lr"/],
  [
    "of a textual inversion",
    pickle.file(
      dict(
        text("string_to_param"),
        join(call(global("torch.nn.modules.container", "ParameterDict")), dict(), code(op.BUILD)),
      ),
    ),
    /a textual inversion embedding/,
  ],
  [
    "with a tensor twice",
    pickle.file(dict(text("w"), tensor(), text("w"), tensor())),
    /two tensors are called "w"/,
  ],
  ["with a tensor called __proto__", pickle.file(dict(text("__proto__"), tensor())), /called "__proto__"/],
  ["whose storage id is text", state(join(text("0"), code(op.BINPERSID))), /no storage/],
  [
    "whose storage id is of another kind",
    state(persistent(text("module"), floats, text("0"), text("cpu"), int(4))),
    /no storage/,
  ],
  [
    "whose storage type is another name",
    state(persistent(text("storage"), global("torch", "device"), text("0"), text("cpu"), int(4))),
    /no storage/,
  ],
  ["whose storage count is negative", state(tensor({ count: -4 })), /no storage/],
  ["whose storage key climbs", state(tensor({ key: "../../etc/passwd" })), /names a storage "\.\.\/\.\./],
  ["whose storage key is hidden", state(tensor({ key: ".data" })), /names a storage/],
  ["whose storage is missing", state(tensor({ key: "7" })), /"7" is not in the archive/],
  [
    "whose storage is shorter than declared",
    state(tensor({ count: 5 })),
    /has 16 bytes, but 20 were declared/,
  ],
  [
    "whose storage is longer than declared",
    state(tensor({ count: 3, shape: [3] })),
    /has 16 bytes, but 12 were declared/,
  ],
  [
    "whose storage is of a wider type",
    state(tensor({ type: "DoubleStorage" })),
    /has 16 bytes, but 32 were declared/,
  ],
  ["whose storage count overflows", state(tensor({ count: 2 ** 52 })), /were declared/],
  [
    "whose tensor has no storage",
    state(rebuild(int(0), int(0), counts(1), counts(1), code(op.NEWFALSE), dict())),
    /no storage/,
  ],
  ["whose tensor lacks arguments", state(rebuild(storage("FloatStorage", "0", 4))), /offset is no count/],
  ["whose tensor is longer than its storage", state(tensor({ shape: [5] })), /reach past its storage/],
  [
    "whose tensor begins past its storage",
    state(tensor({ offset: 4, shape: [1] })),
    /reach past its storage/,
  ],
  [
    "whose empty tensor begins past its storage",
    state(tensor({ offset: 5, shape: [0] })),
    /reach past its storage/,
  ],
  ["whose tensor has a negative offset", state(tensor({ offset: -1 })), /offset is no count/],
  ["whose tensor has a huge offset", state(tensor({ offset: 2 ** 52 })), /reach past its storage/],
  ["whose tensor has a negative side", state(tensor({ shape: [-4] })), /don't fit/],
  ["whose tensor has a negative stride", state(tensor({ offset: 3, strides: [-1] })), /don't fit/],
  [
    "whose tensor strides past its storage",
    state(tensor({ shape: [2, 2], strides: [3, 1] })),
    /reach past its storage/,
  ],
  [
    "whose tensor has a huge stride",
    state(tensor({ shape: [2], strides: [2 ** 52] })),
    /reach past its storage/,
  ],
  ["whose tensor has too few strides", state(tensor({ shape: [2, 2], strides: [1] })), /don't fit/],
  [
    "whose tensor has sides that overflow",
    state(tensor({ shape: [2 ** 40, 2 ** 40], strides: [0, 0] })),
    /reach past its storage/,
  ],
  [
    "whose tensor repeats one element a billion times",
    state(tensor({ shape: [1e9], strides: [0] })),
    /repeats the elements/,
  ],
  [
    "whose tensor has fractional sides",
    state(
      rebuild(
        storage("FloatStorage", "0", 4),
        int(0),
        tuple(join(code(op.BINFLOAT), Uint8Array.of(63, 248, 0, 0, 0, 0, 0, 0))),
        counts(1),
      ),
    ),
    /don't fit/,
  ],
  [
    "whose tensor has 100 sides",
    state(tensor({ shape: Array(100).fill(1), strides: Array(100).fill(1) })),
    /don't fit/,
  ],
  [
    "whose tensor is conjugated",
    state(
      rebuild(
        storage("FloatStorage", "0", 4),
        int(0),
        counts(4),
        counts(1),
        code(op.NEWFALSE),
        dict(),
        dict(text("conj"), code(op.NEWTRUE)),
      ),
    ),
    /conjugated/,
  ],
  [
    "whose parameter is no tensor",
    state(call(global("torch._utils", "_rebuild_parameter"), int(1))),
    /parameter that is no tensor/,
  ],
];

const expectRefused = (bytes: Uint8Array, message: RegExp) => {
  const spent = cpuClock();
  let thrown: unknown;
  try {
    const source = parsePytorch(bytes, "x.ckpt");
    for (const name of source.names()) source.get(name).bytes();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toSatisfy(
    (error) => isControlNetError(error) && ["format", "unsupported"].includes(error.code),
  );
  expect(String(thrown)).toMatch(message);
  expect(String(thrown)).toMatch(/x\.ckpt/);
  expect(String(thrown).length).toBeLessThan(2000);
  expect(spent()).toBeLessThan(1000);
};

describe("a hostile pickle is refused", () => {
  it.each(forbidden)("that asks for %s.%s", (module, name) => {
    const body = state(call(global(module, name), text("echo")));
    expectRefused(archive(body), /asks for .*nothing was executed/);
  });
  it.each(cases)("%s", (_, body, message) => expectRefused(archive(body), message));

  it("while an honest one is read", () => {
    const source = parsePytorch(archive(state(tensor({ shape: [2, 2], strides: [1, 2] }))));
    expect(new Float32Array(source.get("w").bytes().slice().buffer)).toEqual(Float32Array.of(1, 3, 2, 4));
  });

  it("and one storage named by a thousand tensors is not read a thousand times", () => {
    const count = 10_000;
    const named = Array.from({ length: 1000 }, (_, i) =>
      join(
        text(`w${i}`),
        i === 0
          ? join(tensor({ count, shape: [count] }), code(op.LONG_BINPUT, 0, 0, 0, 0))
          : code(op.BINGET, 0),
      ),
    );
    const bytes = writeZip([
      { name: "archive/data.pkl", data: pickle.file(dict(...named)) },
      { name: "archive/data/0", data: new Uint8Array(4 * count) },
    ]);
    expectRefused(bytes, /would take 40000000 bytes/);
  });

  it("and dicts that double at every level are not followed for long", () => {
    const depth = 14;
    const levels = Array.from({ length: depth }, (_, i) =>
      join(
        code(op.EMPTY_DICT, op.MARK),
        text("w"),
        code(op.BINGET, i),
        text("b"),
        code(op.BINGET, i),
        code(op.SETITEMS, op.BINPUT, i + 1, op.POP),
      ),
    );
    const body = pickle.file(tensor(), code(op.BINPUT, 0, op.POP), ...levels, code(op.BINGET, depth));
    expectRefused(archive(body), /would take/);
  });
});
