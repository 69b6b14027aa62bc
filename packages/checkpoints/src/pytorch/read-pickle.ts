import { cost, type MemoryBudget } from "./memory-budget.js";
import { admit, buildStorage, construct, type PickleRefusal } from "./pickle-constructors.js";
import { PickleMachine, pickleLimits } from "./pickle-machine.js";
import { op, refusedOpcodes } from "./pickle-opcodes.js";
import { PickleDict, PickleList, PickleOpaque, PickleTuple, type PickleValue } from "./pickle-values.js";

/**
 * Reads a pickle as data. Only plain values, tensor descriptors and a closed list of inert names come out; no
 * name is ever looked up, imported or called.
 * @param budget pays for every value made and copied
 * @throws ControlNetError `unsupported` for names and opcodes that are not admitted, `format` for damage
 */
export function readPickle(bytes: Uint8Array, where: string, budget: MemoryBudget): PickleValue {
  const machine = new PickleMachine(bytes, where, budget);
  if (machine.reader.byte() !== op.PROTO) machine.damaged("its pickle does not begin with a protocol");
  const protocol = machine.reader.byte();
  if (protocol < 2 || protocol > 5) machine.refuse("unsupported", `its pickle is of protocol ${protocol}`);
  for (let count = 0; count < pickleLimits.opcodes; count++) {
    const code = machine.reader.byte();
    if (code === op.STOP) return machine.finish();
    stepOf(code, machine.refuse)(machine);
  }
  return machine.damaged(`its pickle has more than ${pickleLimits.opcodes} opcodes`);
}

/** What an opcode does to the machine. */
type PickleStep = (machine: PickleMachine) => void;

const text =
  (length: "byte" | "u32" | "u64"): PickleStep =>
  (m) => {
    const bytes = m.reader[length]();
    // A text of few bytes may be one of 16 bits a character.
    m.make(m.reader.text(bytes), cost.text + 2 * bytes);
  };

const bytes =
  (length: "byte" | "u32" | "u64"): PickleStep =>
  (m) => {
    m.reader.take(m.reader[length]());
    m.make(new PickleOpaque("bytes"));
  };

const tuple =
  (count: number): PickleStep =>
  (m) =>
    m.make(
      new PickleTuple(Array.from({ length: count }, () => m.pop()).reverse()),
      cost.object + count * cost.slot,
    );

const call: PickleStep = (m) => {
  const args = m.pop();
  m.make(construct(m.pop(), args, m.budget, m.refuse));
};

const steps: ReadonlyMap<number, PickleStep> = new Map<number, PickleStep>([
  [op.FRAME, (m) => m.reader.frame()],
  [op.MARK, (m) => m.mark()],
  [op.POP, (m) => void m.pop()],
  [op.POP_MARK, (m) => void m.sinceMark()],
  [op.DUP, (m) => m.push(m.top())],
  [op.NONE, (m) => m.push(null)],
  [op.NEWTRUE, (m) => m.push(true)],
  [op.NEWFALSE, (m) => m.push(false)],
  [op.BININT, (m) => m.push(m.reader.i32())],
  [op.BININT1, (m) => m.push(m.reader.byte())],
  [op.BININT2, (m) => m.push(m.reader.u16())],
  [op.BINFLOAT, (m) => m.push(m.reader.f64())],
  [op.LONG1, (m) => m.make(m.reader.long(m.reader.byte()))],
  [op.LONG4, (m) => m.make(m.reader.long(m.reader.u32()))],
  [op.SHORT_BINUNICODE, text("byte")],
  [op.BINUNICODE, text("u32")],
  [op.BINUNICODE8, text("u64")],
  [op.SHORT_BINBYTES, bytes("byte")],
  [op.SHORT_BINSTRING, bytes("byte")],
  [op.BINBYTES, bytes("u32")],
  [op.BINSTRING, bytes("u32")],
  [op.BINBYTES8, bytes("u64")],
  [op.EMPTY_DICT, (m) => m.make(new PickleDict())],
  [op.EMPTY_LIST, (m) => m.make(new PickleList())],
  [op.EMPTY_SET, (m) => m.make(new PickleOpaque("set"))],
  [op.EMPTY_TUPLE, tuple(0)],
  [op.TUPLE1, tuple(1)],
  [op.TUPLE2, tuple(2)],
  [op.TUPLE3, tuple(3)],
  [
    op.TUPLE,
    (m) => {
      const items = m.sinceMark();
      m.make(new PickleTuple(items), cost.object + items.length * cost.slot);
    },
  ],
  [
    op.FROZENSET,
    (m) => {
      m.sinceMark();
      m.make(new PickleOpaque("frozenset"));
    },
  ],
  [op.APPEND, (m) => m.append([m.pop()])],
  [op.APPENDS, (m) => m.append(m.sinceMark())],
  [op.ADDITEMS, (m) => m.addItems(m.sinceMark())],
  [op.SETITEM, (m) => m.setItems([m.pop(), m.pop()].reverse())],
  [op.SETITEMS, (m) => m.setItems(m.sinceMark())],
  [op.BINPUT, (m) => m.remember(m.reader.byte())],
  [op.LONG_BINPUT, (m) => m.remember(m.reader.u32())],
  [op.MEMOIZE, (m) => m.remember()],
  [op.BINGET, (m) => m.recall(m.reader.byte())],
  [op.LONG_BINGET, (m) => m.recall(m.reader.u32())],
  [op.GLOBAL, (m) => m.make(admit(m.reader.line(), m.reader.line(), m.refuse))],
  [
    op.STACK_GLOBAL,
    (m) => {
      const [name, module] = [m.pop(), m.pop()];
      if (typeof name !== "string" || typeof module !== "string")
        m.damaged("its pickle names something by no text");
      else m.make(admit(module, name, m.refuse));
    },
  ],
  [op.BINPERSID, (m) => m.make(buildStorage(m.pop(), m.refuse))],
  [op.REDUCE, call],
  [op.NEWOBJ, call],
  [op.BUILD, (m) => m.build()],
]);

/**
 * The step of an opcode.
 * @throws ControlNetError by `refuse`: for an opcode of Python's that is not admitted, named, or for none
 */
function stepOf(code: number, refuse: PickleRefusal): PickleStep {
  const step = steps.get(code);
  if (step) return step;
  const name = refusedOpcodes.get(code);
  return name
    ? refuse("unsupported", `its pickle uses the opcode ${name}, which no file of weights needs`)
    : refuse("format", `its pickle has the unknown opcode 0x${code.toString(16)}`);
}
