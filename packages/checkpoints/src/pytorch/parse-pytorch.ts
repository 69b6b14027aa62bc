import { ControlNetError } from "@controlnet-js/core";
import { foreignKind } from "../foreign-file.js";
import { bytesAccess, type RandomAccess } from "../random-access.js";
import { missingTensor, type TensorSource } from "../tensor-source.js";
import { MemoryBudget } from "./memory-budget.js";
import { readPickle } from "./read-pickle.js";
import { findStateDict } from "./state-dict.js";
import { openTorchArchive } from "./torch-archive.js";

/**
 * Reads the weights of a `.ckpt`, `.pth`, `.pt` or `.bin` file of PyTorch (1.6 or later) from memory. Nothing
 * in the file is executed: its pickle is read as data, and only tensors come out.
 * @param where named in errors, e.g. the file's name
 * @throws ControlNetError `unsupported` for what is not read, naming it and the way out; `format` for damage
 */
export function parsePytorch(bytes: Uint8Array, where = "parsePytorch"): TensorSource {
  return readPytorch(bytesAccess(bytes), where);
}

/** {@link parsePytorch} of a file that is read at positions; the tensors read when asked. */
export function readPytorch(file: RandomAccess, where: string): TensorSource {
  refuseOtherKinds(file, where);
  const archive = openTorchArchive(file, where);
  const budget = new MemoryBudget(file.size, where);
  const { tensors, metadata } = findStateDict(readPickle(archive.pickle, where, budget), where, budget);
  archive.check(tensors);
  return {
    metadata,
    names: () => [...tensors.keys()],
    get(name) {
      const descriptor = tensors.get(name);
      if (!descriptor) throw missingTensor(name, tensors.size, where);
      return archive.tensor(name, descriptor);
    },
  };
}

function refuseOtherKinds(file: RandomAccess, where: string): void {
  const refuse = (code: "format" | "unsupported", message: string): never => {
    throw new ControlNetError(code, `${where}: ${message}`);
  };
  const head = file.read(0, Math.min(file.size, 512));
  const text = String.fromCharCode(...head);
  if (text.startsWith("PK\u0003\u0004")) return;
  const resave =
    "load it in Python with torch.load(path, weights_only=True) and torch.save it again, or save it as safetensors";
  if (file.size < 22) refuse("format", `the file has ${file.size} bytes, too few for weights`);
  if (text.slice(257, 262) === "ustar") refuse("unsupported", `an old tar file of PyTorch; ${resave}`);
  if (text.startsWith("\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"))
    refuse("unsupported", `a file in PyTorch's format before 1.6; ${resave}`);
  if (head[0] === 0x80 && head[1]! <= 5)
    refuse("unsupported", "a bare Python pickle, not a file of torch.save");
  if (head[8] === 0x7b) refuse("format", "this looks like a safetensors file; name it .safetensors");
  const foreign = foreignKind(text);
  if (foreign) refuse("format", foreign);
  if (text.startsWith("\x1f\x8b")) refuse("unsupported", "a gzip archive; unpack it first");
  refuse("format", "not a zip archive, so not a file of torch.save");
}
