import { fixText } from "../fix-text/fix-text.js";
import { unescapeHtml } from "../fix-text/unescape-html.js";

/** A text as OpenAI's tokenizer cleans it: ftfy's repairs, HTML references, single spaces, lower case. */
export const cleanLikeOriginal = (text: string): string =>
  unescapeHtml(unescapeHtml(fixText(text)))
    .replace(/\p{White_Space}+/gu, " ")
    .replace(/^ | $/g, "")
    .toLowerCase();

// The original's expression ignores case. In a text of lower case that still lets the long s pass for an s, and loses
// the iota subscript (U+0345), a mark that is a letter in upper case.
const pieces =
  /<\|[sſ]tartoftext\|>|<\|endoftext\|>|'[sſ]|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|(?:(?!\u0345)[^\p{White_Space}\p{L}\p{N}])+/gu;

/**
 * CLIP's words of a text as OpenAI's `SimpleTokenizer` has them, of a text cleaned with ftfy 6.3: misread encodings
 * are repaired ("schÃ¶n" is "schön"), HTML references replaced, quotes straightened, wide letters narrowed. Give it to
 * `createTokenizer` as `words`, for prompts of models that were trained on texts cleaned so.
 */
export const originalWords = (text: string): string[] => cleanLikeOriginal(text).match(pieces) ?? [];
