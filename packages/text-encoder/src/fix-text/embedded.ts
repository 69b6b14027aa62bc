import { encodings, upperHalf } from "./encodings.js";
import { isSuspicious } from "./suspicion.js";

/** The characters that bytes `from` to `to` are in encodings like Latin-1. */
function charactersOf(from: number, to = from): string {
  const latinLike = encodings().filter(({ name }) => /^(latin-1|windows-.*)$/.test(name));
  const characters = latinLike.flatMap(({ name }) => upperHalf(name).slice(from - 0x80, to - 0x7f));
  return [...new Set(characters)].join("");
}

function makeSequences(): RegExp {
  const two = charactersOf(0xc2, 0xdf);
  const three = charactersOf(0xe0, 0xef);
  const four = charactersOf(0xf0) + charactersOf(0xf3);
  const following = charactersOf(0x80, 0xbf);
  // Dashes, quotes, bullet and ellipsis stand for themselves beside misread text.
  const surelyFollowing = following.replace(/[\u2013-\u2026]/g, (sign) => (/[†‡]/.test(sign) ? sign : ""));
  const next = `[${following} ]`;
  return new RegExp(
    `(?<![${surelyFollowing}])(?:[${two}]${next}|[${three}]${next}{2}|[${four}]${next}{3})+`,
    "g",
  );
}

let sequences: RegExp | undefined;

/**
 * A text with each misread part repaired by itself, where the whole is no misread UTF-8.
 * @param repair what to do with a part
 */
export const fixEmbedded = (text: string, repair: (part: string) => string): string =>
  text.replace((sequences ??= makeSequences()), (part) =>
    part !== text && isSuspicious(part) ? repair(part) : part,
  );
