// "à" whose second byte became a space, as a word of its own: the space after it is kept. The exceptions are
// Portuguese words, "às", "àquele" and their like, of which "à" is a part.
const graveWord = /\xc3 (?! |quele|quela|quilo|s )/g;

// UTF-8 but for one byte A0 that is a space now. Only lead bytes of letters that are likely in such a place.
const spacedUtf8 = [
  "[\xc2\xc3\xc5\xce\xd0\xd9] ",
  "[\xe2\xe3] [\x80-\x84\x86-\x9f\xa1-\xbf]",
  "[\xe0-\xe3][\x80-\x84\x86-\x9f\xa1-\xbf] ",
  "\xf0 [\x80-\xbf]{2}",
  "\xf0[\x80-\xbf] [\x80-\xbf]",
  "\xf0[\x80-\xbf]{2} ",
];

// UTF-8 and CESU-8 with bytes lost: 1A, or once in a sequence a question mark, is where a byte was.
const lossyUtf8 = [
  "[\xc2-\xdf]\x1a",
  "[\xc2-\xc3]\\?",
  "\xed[\xa0-\xaf][\x1a?]\xed[\xb0-\xbf][\x1a?\x80-\xbf]",
  "\xed[\xa0-\xaf][\x1a?\x80-\xbf]\xed[\xb0-\xbf][\x1a?]",
  "[\xe0-\xef][\x1a?][\x1a\x80-\xbf]",
  "[\xe0-\xef][\x1a\x80-\xbf][\x1a?]",
  "[\xf0-\xf4][\x1a?][\x1a\x80-\xbf]{2}",
  "[\xf0-\xf4][\x1a\x80-\xbf][\x1a?][\x1a\x80-\xbf]",
  "[\xf0-\xf4][\x1a\x80-\xbf]{2}[\x1a?]",
  "\x1a",
];

let patterns: { spaced: RegExp; lossy: RegExp } | undefined;

const makePatterns = () =>
  (patterns ??= {
    spaced: new RegExp(spacedUtf8.join("|"), "g"),
    lossy: new RegExp(lossyUtf8.join("|"), "g"),
  });

/** A byte string with A0 where some program took a no-break space within a UTF-8 sequence for a plain one. */
export const restoreNoBreakSpaces = (bytes: string): string =>
  bytes
    .replace(graveWord, "\xc3\xa0 ")
    .replace(makePatterns().spaced, (sequence) => sequence.replaceAll(" ", "\xa0"));

/** A byte string with UTF-8 for U+FFFD in place of each sequence that lost a byte. */
export const replaceLossySequences = (bytes: string): string =>
  bytes.replace(makePatterns().lossy, "\xef\xbf\xbd");
