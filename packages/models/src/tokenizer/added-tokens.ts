import type { AddedToken } from "@controlnet-js/text-encoder";

/** The parsed JSON files of a tokenizer's folder; those that aren't there are empty. */
export interface TokenizerFiles {
  /** `tokenizer_config.json` */
  config: Readonly<Record<string, unknown>>;
  /** `special_tokens_map.json` */
  special: Readonly<Record<string, unknown>>;
  /** `added_tokens.json` */
  added: Readonly<Record<string, unknown>>;
  /** `tokenizer.json`, where the vocabulary is read from it. */
  whole: Readonly<Record<string, unknown>>;
}

/** An added token with its number, where a file tells it. */
export interface NumberedToken extends AddedToken {
  id?: number;
}

/**
 * The tokens that `transformers` finds in a text as they stand: special ones, the padding token among them, and those
 * that were added to the vocabulary, such as textual inversion's. Where files differ the first that has one is believed.
 */
export function addedTokens({ config, special, added, whole }: TokenizerFiles): NumberedToken[] {
  const inWhole = listOf(whole.added_tokens).map((token) => tokenOf(token, numberOf(token)));
  const decoded = entriesOf(config.added_tokens_decoder).map(([id, token]) => tokenOf(token, Number(id)));
  const named = [special, config].flatMap((file) =>
    [...specialNames.map((name) => file[name]), ...listOf(file.additional_special_tokens)].map((token) =>
      tokenOf(token),
    ),
  );
  const numbered = entriesOf(added).map(([content, id]) => ({
    ...tokenOf(content, Number(id))!,
    normalized: true,
  }));
  const tokens = new Map<string, NumberedToken>();
  for (const token of [...inWhole, ...decoded, ...named, ...numbered]) {
    if (token === undefined || token.content === "") continue;
    const known = tokens.get(token.content);
    tokens.set(token.content, { ...token, ...known });
  }
  return [...tokens.values()];
}

const specialNames = ["bos_token", "eos_token", "unk_token", "pad_token"] as const;

/** A token of a tokenizer's files, which is written as its text or as an object around it; undefined for anything else. */
export function tokenOf(token: unknown, id?: number): NumberedToken | undefined {
  const number = Number.isSafeInteger(id) && id! >= 0 && id! < 2 ** 20 ? { id: id! } : {};
  if (typeof token === "string") return { content: token, ...number };
  const { content, normalized } = (token ?? {}) as { content?: unknown; normalized?: unknown };
  return typeof content === "string" ? { content, normalized: normalized === true, ...number } : undefined;
}

const numberOf = (token: unknown): number => Number((token as { id?: unknown } | null)?.id);
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const entriesOf = (value: unknown): [string, unknown][] =>
  typeof value === "object" && value !== null ? Object.entries(value) : [];
