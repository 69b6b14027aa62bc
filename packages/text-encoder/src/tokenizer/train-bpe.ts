import { ControlNetError } from "@controlnet-js/core";
import { toByteCharacters } from "./bytes.js";
import { joinPair } from "./merge.js";
import { transformersWords } from "./transformers-words.js";
import { type BpeVocabulary, endOfText, endOfWord, startOfText, vocabularyOfMerges } from "./vocabulary.js";

/**
 * Learns a byte-pair vocabulary from texts: the most frequent neighbouring pair joins, again and again; ties go to
 * the pair first in code order, so that the same texts give the same vocabulary.
 * @param size most tokens wanted, at least 514 (512 bytes and 2 marks); fewer where every word is one token already
 * @throws ControlNetError `range` for a smaller size
 */
export function trainBpe(texts: Iterable<string>, size: number): BpeVocabulary {
  if (!Number.isInteger(size) || size < 514)
    throw new ControlNetError("range", `trainBpe: expected a size of at least 514, got ${size}`);
  const words = [...countWords(texts)].map(([word, count]) => {
    const symbols = [...toByteCharacters(word)];
    symbols.push(symbols.pop()! + endOfWord);
    return { symbols, count };
  });
  const merges: [string, string][] = [];
  while (merges.length < size - 514) {
    const pair = mostFrequentPair(words);
    if (!pair) break;
    merges.push(pair);
    for (const word of words) word.symbols = joinPair(word.symbols, ...pair);
  }
  return vocabularyOfMerges(merges);
}

function countWords(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts)
    for (const word of transformersWords(text))
      if (word !== startOfText && word !== endOfText) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

function mostFrequentPair(
  words: readonly { symbols: string[]; count: number }[],
): [string, string] | undefined {
  const counts = new Map<string, number>();
  for (const { symbols, count } of words)
    for (let i = 0; i + 1 < symbols.length; i++) {
      const pair = `${symbols[i]} ${symbols[i + 1]}`;
      counts.set(pair, (counts.get(pair) ?? 0) + count);
    }
  let best: string | undefined;
  let bestCount = 0;
  for (const [pair, count] of counts)
    if (count > bestCount || (count === bestCount && pair < best!)) {
      best = pair;
      bestCount = count;
    }
  return best?.split(" ") as [string, string] | undefined;
}
