/** Marks a text's start and end. */
export const startOfText = "<|startoftext|>";
/** Marks a text's end, and stands for what is not in the vocabulary. */
export const endOfText = "<|endoftext|>";

/**
 * Canonical composition, white space to single spaces, lower case: what `transformers`' CLIP tokenizer does. Letters
 * are lowered one by one, so that a final sigma stays a sigma.
 */
export function normalizeText(text: string): string {
  const spaced = text.normalize("NFC").replace(/\p{White_Space}+/gu, " ");
  return Array.from(spaced, (letter) => letter.toLowerCase()).join("");
}

const pieces =
  /<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\p{White_Space}\p{L}\p{N}]+/gu;

/**
 * CLIP's words of a normalised text: runs of letters, single digits, runs of signs, English contractions. A mark
 * spelt out in the text is no mark any more but three words, as `transformers` has it.
 */
export const splitWords = (text: string): string[] =>
  (text.match(pieces) ?? []).flatMap((word) =>
    word === startOfText || word === endOfText ? ["<|", word.slice(2, -2), "|>"] : [word],
  );
