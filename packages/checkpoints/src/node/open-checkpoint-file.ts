import { extname } from "node:path";
import { readPytorch } from "../pytorch/parse-pytorch.js";
import { openFile } from "./open-file.js";
import { type OpenSource, openSafetensors } from "./open-safetensors.js";

/**
 * Opens a `.ckpt`, `.pth`, `.pt` or `.bin` file of PyTorch. Nothing in it is executed; each tensor's bytes are
 * read, and their checksum compared, when asked for.
 * @throws ControlNetError `unsupported` for what is not read, naming it and the way out; `format` for damage
 */
export function openPytorch(path: string): OpenSource {
  const file = openFile(path);
  try {
    return { ...readPytorch(file, path), close: file.close };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Opens a file of weights, safetensors or PyTorch, by what is in it; its name does not matter. */
export function openCheckpointFile(path: string): OpenSource {
  const file = openFile(path);
  let head: Uint8Array;
  try {
    head = file.read(0, Math.min(9, file.size));
  } finally {
    file.close();
  }
  // A safetensors file begins with the length of its header, which may look like the "PK" of a zip.
  const zip = head[0] === 0x50 && head[1] === 0x4b;
  const safetensors = head[8] === 0x7b || (!zip && extname(path) === ".safetensors");
  return safetensors ? openSafetensors(path) : openPytorch(path);
}
