import { ControlNetError } from "@controlnet-js/core";

/** How texts are split and joined. */
export interface WordPieceOptions {
  /** Default true. */
  lowercase?: boolean;
  /** Default: as `lowercase`. */
  stripAccents?: boolean;
  /** Whether Chinese characters are words of their own. Default true. */
  splitChinese?: boolean;
  /** Whether spaces before punctuation are also removed between tokens (`clean_up_tokenization_spaces`). Default false. */
  cleanUp?: boolean;
}

/** BERT's tokenizer. */
export interface WordPieces {
  /** The tokens of a text, without those that begin and end it. */
  encode(text: string): number[];
  /** The text of tokens, without special ones and numbers that are no token. */
  decode(tokens: readonly number[]): string;
}

const special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const marks = /(\[(?:PAD|UNK|CLS|SEP|MASK)\])/;
const chinese =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
const punctuation = /([!-/:-@[-`{-~]|\p{P})/u;
const longestWord = 100;

/**
 * BERT's WordPiece tokenizer (Wu et al., 2016), with transformers' tokens for every text.
 * @param vocabulary the tokens by number
 * @throws ControlNetError `format` where `[UNK]` is not among them
 */
export function createWordPieces(
  vocabulary: readonly string[],
  { lowercase = true, stripAccents = lowercase, splitChinese = true, cleanUp = false }: WordPieceOptions = {},
): WordPieces {
  const numbers = new Map(vocabulary.map((token, i) => [token, i]));
  const unknown = numbers.get("[UNK]");
  if (unknown === undefined)
    throw new ControlNetError("format", "createWordPieces: expected a vocabulary with [UNK], as BERT's");

  const normalize = (text: string): string => {
    let clean = text.replaceAll(/[\t\n\r]/g, " ").replaceAll(/[\0\ufffd\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, "");
    clean = clean.replaceAll(/\p{White_Space}/gu, " ");
    if (splitChinese) clean = clean.replaceAll(chinese, " $& ");
    if (stripAccents) clean = clean.normalize("NFD").replaceAll(/\p{Mn}/gu, "");
    // Letter by letter: a sigma that ends a word is no other letter.
    return lowercase ? Array.from(clean, (letter) => letter.toLowerCase()).join("") : clean;
  };
  const piecesOf = (word: string): number[] => {
    const letters = Array.from(word);
    if (letters.length > longestWord) return [unknown];
    const found: number[] = [];
    for (let start = 0; start < letters.length; ) {
      let end = letters.length;
      let number: number | undefined;
      for (; end > start && number === undefined; end--)
        number = numbers.get((start > 0 ? "##" : "") + letters.slice(start, end).join(""));
      if (number === undefined) return [unknown];
      found.push(number);
      start = end + 1;
    }
    return found;
  };
  const encodePart = (text: string): number[] =>
    normalize(text)
      .split(/\p{White_Space}+/u)
      .flatMap((word) => word.split(punctuation))
      .filter((word) => word !== "")
      .flatMap(piecesOf);

  return {
    encode: (text) =>
      text.split(marks).flatMap((part) => {
        const number = special.includes(part) ? numbers.get(part) : undefined;
        return number === undefined ? encodePart(part) : [number];
      }),
    decode(tokens) {
      const pieces = tokens
        .map((token) => vocabulary[token])
        .filter((piece): piece is string => piece !== undefined && !special.includes(piece));
      const text = pieces.map((piece, i) => closeUp(i === 0 ? piece : joinPiece(piece))).join("");
      return cleanUp ? closeUp(text) : text;
    },
  };
}

const joinPiece = (piece: string): string => (piece.startsWith("##") ? piece.slice(2) : ` ${piece}`);

/** Takes away the spaces that written English does not have. */
const closeUp = (text: string): string =>
  [" .", " ?", " !", " ,"]
    .reduce((closed, mark) => closed.replaceAll(mark, mark.slice(1)), text)
    .replaceAll(" ' ", "'")
    .replaceAll(/ (n't|'m|'s|'ve|'re)/g, "$1");
