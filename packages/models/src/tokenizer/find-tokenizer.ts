import { dirname, join } from "node:path";
import { ControlNetError } from "@controlnet-js/core";
import { holdsVocabulary } from "./read-vocabulary.js";

/** How to come by a tokenizer, which single files don't hold. */
export const tokenizerAdvice =
  "single files hold no tokenizer: put the folder of one (vocab.json and merges.txt, as in openai/clip-vit-large-patch14) beside the file as tokenizer/, or name it with --tokenizer";

/**
 * The folder of the tokenizer for a model: the given one, or `tokenizer/` in or beside the model, or the folder that
 * the model lies in.
 * @returns undefined where none is found
 * @throws ControlNetError `missing` where the given folder is none
 */
export function findTokenizer(model: string, given?: string): string | undefined {
  if (given !== undefined) {
    const found = [given, join(given, "tokenizer")].find(holdsVocabulary);
    if (found === undefined)
      throw new ControlNetError(
        "missing",
        `${given} holds no tokenizer (vocab.json and merges.txt, or tokenizer.json)`,
      );
    return found;
  }
  return [join(model, "tokenizer"), join(dirname(model), "tokenizer"), dirname(model)].find(holdsVocabulary);
}
