/** HTML's names of U+00A0 to U+00FF, in order. */
const latinNames =
  "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml";

const entities: ReadonlyMap<string, string> = new Map([
  ...latinNames.split(" ").map((name, i) => [name, String.fromCharCode(0xa0 + i)] as const),
  ...Object.entries({
    amp: "&",
    lt: "<",
    gt: ">",
    quot: '"',
    apos: "'",
    hellip: "…",
    ndash: "–",
    mdash: "—",
  }),
  ...Object.entries({ lsquo: "‘", rsquo: "’", sbquo: "‚", ldquo: "“", rdquo: "”", bdquo: "„", bull: "•" }),
  ...Object.entries({ euro: "€", trade: "™", larr: "←", rarr: "→", uarr: "↑", darr: "↓", hearts: "♥" }),
]);

const windows1252 = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ";

const unescapeHtml = (text: string): string =>
  text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|(\w{2,8}));/g, (whole, decimal, hexadecimal, name) => {
    if (name) return entities.get(name) ?? whole;
    const code = decimal ? Number(decimal) : Number.parseInt(hexadecimal, 16);
    if (code >= 0x80 && code < 0xa0) return windows1252[code - 0x80]!;
    const valid = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000);
    return valid ? String.fromCodePoint(code) : "\ufffd";
  });

const ligatures = /[\u0132\u0133\u0149\u01c4-\u01cc\u01f1-\u01f3\ufb00-\ufb06]/g;

/**
 * Cleans a text as OpenAI's tokenizer does with ftfy: HTML references, ligatures, full and half width, curly quotes,
 * terminal escapes, control characters, white space, lower case. ftfy's guesses at text decoded with a wrong
 * encoding are not made. Give it to `createTokenizer` as `clean`; diffusers does without.
 */
export function cleanLikeOriginal(text: string): string {
  const fixed = (text.includes("<") ? text : unescapeHtml(text))
    .replace(/[\x80-\x9f]/g, (control) => windows1252[control.charCodeAt(0) - 0x80]!)
    // NFKC would turn the long s of U+FB05 into a plain one.
    .replace(ligatures, (letter) => (letter === "\ufb05" ? "\u017ft" : letter.normalize("NFKC")))
    .replace(/[\u3000\uff01-\uffef]/g, (letter) => letter.normalize("NFKC"))
    .replace(/[\u02bc\u2018-\u201b]/g, "'")
    .replace(/[\u201c-\u201f]/g, '"')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is to be removed
    .replace(/\x1b\[[\d;]*[a-zA-Z]/g, "")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is to be removed
    .replace(/[\x00-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]/g, "")
    .normalize("NFC");
  return unescapeHtml(unescapeHtml(fixed))
    .replace(/\p{White_Space}+/gu, " ")
    .trim()
    .toLowerCase();
}
