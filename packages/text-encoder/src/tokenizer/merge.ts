/**
 * Byte-pair encoding of one word (Sennrich, Haddow, Birch, 2016): joins the neighbouring pair of lowest rank,
 * everywhere, until no pair has a rank.
 * @param symbols the word's symbols, the last with its end-of-word mark
 * @param rankOf the rank of a pair, undefined where the two never join
 */
export function mergeWord(
  symbols: readonly string[],
  rankOf: (left: string, right: string) => number | undefined,
): string[] {
  let word = [...symbols];
  while (word.length > 1) {
    let best = Number.POSITIVE_INFINITY;
    let left = "";
    let right = "";
    for (let i = 0; i + 1 < word.length; i++) {
      const rank = rankOf(word[i]!, word[i + 1]!);
      if (rank === undefined || rank >= best) continue;
      best = rank;
      left = word[i]!;
      right = word[i + 1]!;
    }
    if (best === Number.POSITIVE_INFINITY) break;
    word = joinPair(word, left, right);
  }
  return word;
}

/** `word` with every neighbouring `left`, `right` joined, from the left. */
export function joinPair(word: readonly string[], left: string, right: string): string[] {
  const joined: string[] = [];
  for (let i = 0; i < word.length; i++) {
    if (word[i] === left && word[i + 1] === right) {
      joined.push(left + right);
      i++;
    } else joined.push(word[i]!);
  }
  return joined;
}
