import { endOfText, startOfText } from "./vocabulary.js";

/** A token that is found in a text as it stands, even inside a word: a mark, or one that was added to a vocabulary. */
export interface AddedToken {
  content: string;
  /** Whether the cleaned text is searched, in which case does not matter, in place of the text as given. Default false. */
  normalized?: boolean;
}

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

/** The words of cleaned text; what reads as a mark but is none of the added tokens is three words. */
const wordsOf = (text: string): string[] =>
  (text.match(pieces) ?? []).flatMap((word) =>
    word === startOfText || word === endOfText ? ["<|", word.slice(2, -2), "|>"] : [word],
  );

/**
 * CLIP's words of a text as `transformers` and diffusers have them: runs of letters, single digits, runs of signs,
 * English contractions. Added tokens are words wherever they stand; those that aren't `normalized` are looked for first.
 */
export function wordsWithAdded(added: readonly AddedToken[]): (text: string) => string[] {
  const asGiven = divideAt(
    added.filter(({ normalized }) => !normalized).map(({ content }) => [content, content]),
  );
  const asCleaned = divideAt(
    added.filter(({ normalized }) => normalized).map(({ content }) => [normalizeText(content), content]),
  );
  return (text) => asGiven(text, (part) => asCleaned(normalizeText(part), wordsOf));
}

/** {@link wordsWithAdded} of CLIP's two marks, as they are spelt. */
export const transformersWords = wordsWithAdded([{ content: startOfText }, { content: endOfText }]);

/** Divides texts at what is looked for, the longest first, which gives the word beside it; the rest goes on. */
function divideAt(
  found: readonly (readonly [text: string, word: string])[],
): (text: string, rest: (part: string) => string[]) => string[] {
  const words = new Map(found.filter(([text]) => text !== ""));
  if (words.size === 0) return (text, rest) => rest(text);
  const escaped = [...words.keys()]
    .sort((a, b) => b.length - a.length)
    .map((text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  const places = new RegExp(`(${escaped.join("|")})`, "u");
  return (text, rest) =>
    text.split(places).flatMap((part, i) => (i % 2 === 1 ? [words.get(part)!] : rest(part)));
}
