import { endOfText, startOfText } from "./marks.js";

/**
 * Canonical composition, white space to single spaces, lower case. Letters are lowered one by one, so that a final
 * sigma stays a sigma.
 */
function normalizeText(text: string): string {
  const spaced = text.normalize("NFC").replace(/\p{White_Space}+/gu, " ");
  return Array.from(spaced, (letter) => letter.toLowerCase()).join("");
}

const pieces =
  /<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\p{White_Space}\p{L}\p{N}]+/gu;

/**
 * CLIP's words of a text as `transformers` and diffusers have them: runs of letters, single digits, runs of signs,
 * English contractions; a mark spelt out is that mark, but three words where lower case made it one.
 */
export const transformersWords = (text: string): string[] =>
  text
    .split(/(<\|startoftext\|>|<\|endoftext\|>)/)
    .flatMap((part, i) =>
      i % 2 === 1
        ? [part]
        : (normalizeText(part).match(pieces) ?? []).flatMap((word) =>
            word === startOfText || word === endOfText ? ["<|", word.slice(2, -2), "|>"] : [word],
          ),
    );
