const lfs = "a pointer of Git LFS; fetch the file itself (git lfs pull)";

/** What files that are given in place of weights begin with, what they are and what to do. */
const kinds: readonly (readonly [pattern: RegExp, kind: string])[] = [
  [/^version /, lfs],
  [/^\s*</, "a web page, not a file of weights; fetch the file itself"],
  [/^\s*[{[]\s*["}]/, "a JSON text, perhaps the error message of a server; fetch the file itself"],
  [/^GGUF/, "a GGUF file; take the model as safetensors"],
  [/^PK/, "a zip archive, as files of torch.save are; save its tensors as safetensors"],
  [/^\x89HDF/, "an HDF5 file, as Keras has it; take the model as safetensors"],
  [/^(\x89PNG|\xff\xd8\xff|RIFF)/, "a picture, not a file of weights"],
];

/**
 * What a file is that can't be one of weights, and what to do, by its first bytes.
 * @param head at least 8 bytes, each as a character
 */
export const foreignKind = (head: string): string | undefined =>
  kinds.find(([pattern]) => pattern.test(head))?.[1];
