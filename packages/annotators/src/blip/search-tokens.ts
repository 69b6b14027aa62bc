import type { CaptionSearch } from "./config.js";

/** Settings of a search, complete. */
export interface TokenSearch extends Required<CaptionSearch> {
  endToken: number;
}

/** A network that continues texts, some at once. */
export interface Speaker {
  /** Continues each text with a token; text i goes on from text `order[i]` of the call before. */
  feed(tokens: readonly number[], order: readonly number[]): void;
  /** Logits of the next token of each text [texts * vocabulary], after what was fed. */
  logits(): Promise<Float32Array>;
}

/**
 * Searches the tokens that go on from `prompt`, which they begin with, as transformers' `generate` does: the likeliest one
 * each time, or with the best of `beams` texts.
 */
export async function searchTokens(
  speaker: Speaker,
  prompt: readonly number[],
  settings: TokenSearch,
): Promise<number[]> {
  const { beams } = settings;
  const texts = Array.from({ length: beams }, (_, i) => i);
  for (const token of prompt)
    speaker.feed(
      texts.map(() => token),
      texts,
    );
  return beams === 1
    ? await takeLikeliest(speaker, prompt, settings)
    : await takeBestOfBeams(speaker, prompt, settings);
}

async function takeLikeliest(speaker: Speaker, prompt: readonly number[], settings: TokenSearch) {
  const tokens = [...prompt];
  for (;;) {
    const scores = await speaker.logits();
    adjust(scores, tokens, settings);
    let best = 0;
    for (let i = 1; i < scores.length; i++) if (scores[i]! > scores[best]!) best = i;
    tokens.push(best);
    if (best === settings.endToken || tokens.length >= settings.maxLength) return tokens;
    speaker.feed([best], [0]);
  }
}

/** A text with the sum of its tokens' log probabilities, for a finished one over its length. */
interface Hypothesis {
  tokens: number[];
  score: number;
}

async function takeBestOfBeams(speaker: Speaker, prompt: readonly number[], settings: TokenSearch) {
  const { beams, maxLength, lengthPenalty, earlyStopping, endToken } = settings;
  const perToken = (score: number, newTokens: number) => score / newTokens ** lengthPenalty;
  let running: Hypothesis[] = [{ tokens: [...prompt], score: 0 }];
  let finished: Hypothesis[] = [];
  for (let length = prompt.length + 1; ; length++) {
    const candidates = likeliest(await speaker.logits(), running, settings);
    const ends = ({ token }: Candidate) => token === endToken || length >= maxLength;
    const newTokens = length - prompt.length;
    const joined = ({ from, token }: Candidate) => [...running[from]!.tokens, token];
    // A text that ends counts among the first `beams` only; the others are there to go on from.
    const done = candidates.slice(0, beams).filter(ends);
    finished = [...finished, ...done.map((c) => ({ tokens: joined(c), score: perToken(c.score, newTokens) }))]
      .sort((a, b) => b.score - a.score)
      .slice(0, beams);
    const open = candidates.filter((candidate) => !ends(candidate)).slice(0, beams);
    if (open.length === 0) break;
    if (finished.length === beams) {
      const ahead = earlyStopping === "never" && lengthPenalty > 0 ? maxLength - prompt.length : newTokens;
      const canImprove = perToken(open[0]!.score, ahead) > finished[beams - 1]!.score;
      if (earlyStopping === true || !canImprove) break;
    }
    running = open.map((c) => ({ tokens: joined(c), score: c.score }));
    speaker.feed(
      open.map(({ token }) => token),
      open.map(({ from }) => from),
    );
  }
  return finished[0]!.tokens;
}

/** A token after running text `from`, and the score of both. */
interface Candidate {
  from: number;
  token: number;
  score: number;
}

/** The best two continuations for each beam, among those of all running texts, best first. */
function likeliest(logits: Float32Array, running: readonly Hypothesis[], settings: TokenSearch): Candidate[] {
  const count = 2 * settings.beams;
  const vocabulary = logits.length / settings.beams;
  const best: Candidate[] = [];
  running.forEach(({ tokens, score: before }, from) => {
    const scores = logits.subarray(from * vocabulary, (from + 1) * vocabulary);
    toLogProbabilities(scores);
    adjust(scores, tokens, settings);
    for (let token = 0; token < vocabulary; token++) {
      const score = scores[token]! + before;
      if (best.length === count && !(score > best[count - 1]!.score)) continue;
      let at = best.length;
      while (at > 0 && score > best[at - 1]!.score) at--;
      best.splice(at, 0, { from, token, score });
      best.length = Math.min(best.length, count);
    }
  });
  return best;
}

function toLogProbabilities(logits: Float32Array): void {
  let most = Number.NEGATIVE_INFINITY;
  for (const logit of logits) most = Math.max(most, logit);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - most);
  const shift = most + Math.log(sum);
  for (let i = 0; i < logits.length; i++) logits[i]! -= shift;
}

/** Makes tokens that were said less likely and an early end impossible; scores are logits or log probabilities. */
function adjust(
  scores: Float32Array,
  said: readonly number[],
  { repetitionPenalty, minLength, endToken }: TokenSearch,
): void {
  if (repetitionPenalty !== 1)
    for (const token of new Set(said)) {
      const score = scores[token]!;
      scores[token] = score < 0 ? score * repetitionPenalty : score / repetitionPenalty;
    }
  if (said.length < minLength) scores[endToken] = Number.NEGATIVE_INFINITY;
}
