/*
 * Tells text that was decoded with a wrong encoding by pairs of characters that people do not write and that UTF-8
 * read in a single-byte encoding is full of. The classes and rules are those of ftfy 6.3 (`ftfy.badness`, Robyn Speer,
 * Apache-2.0).
 */
const control = "\x80-\x9f";
const everywhere = "\xa0\xad·´–—―…’";
/** Hardly ever meant. */
const odd = "¦¤¨¬¯¸ƒˆˇ˘˛˜†‡‰⌐◊\ufffdªº";
const law = "¶§";
const currency = "¢£¥₧€";
const opening = "¡«¿©΄΅‘‚“„•‹\uf8ff";
const closing = "®»˝”›™";
const numeric = "²³¹±¼½¾×µ÷⁄∂∆∏∑√∞∩∫≈≠≡≤≥№";
/** What faces are made of, such as "ヽ(°◇° )ノ". */
const faces = "Ò-ÖÙ-Üò-öø-üŐŌŪŲ°";
const upperAccented = "À-ÑØÜÝĂĀĄĆČĎĐĘĚĒĖĞĢİĪĶĹĽŁĻŃŇŅŒŘŚŞŠŢŤŮŰŸŹŻŽҐ";
const lowerAccented = "ßà-ñăąāćčďđęěēėğģįīķĺľłļœŕśşšťüźżžґﬁﬂ";
/** Letters that may stand before any sign. */
const upperPlain = "ÞΑ-ΩΆΈΉΊΌΎΏΪΫЁ-Я";
const lowerPlain = "α-ωάέήίΰа-џ";
const box = "│┌┐┘├┤┬┼═-╬▀▄█▌▐░▒▓";

const any = (...classes: string[]): string => `[${classes.join("")}]`;

/** White space and letters as Python's `\s` and `\w` have them. */
const space = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const wordCharacter = "[\\p{L}\\p{N}_]";

function makeRules(): string[] {
  const accented = lowerAccented + upperAccented;
  const marked = accented + box + opening + closing + currency + numeric + law;
  return [
    any(control),

    // Characters side by side that do not go together.
    any(odd, marked) + any(odd),
    any(odd) + any(marked),
    `[a-zA-Z]${any(lowerPlain, upperPlain)}${any(odd)}`,
    any(lowerAccented, lowerPlain, box, closing, currency, numeric) + any(upperAccented),
    any(box, closing, currency, numeric) + any(lowerAccented),
    any(lowerAccented, box, closing) + any(currency),
    space + any(upperAccented) + any(currency),
    any(upperAccented, box) + any(numeric, law),
    any(accented, box, currency, closing) + any(opening) + any(numeric),
    any(accented, currency, numeric, box, law) + any(closing) + any(opening),
    any(currency, numeric, box) + any(opening),
    `[a-z]${any(upperAccented)}${any(opening, currency)}`,
    any(box) + any(faces, closing),
    any(accented, currency, numeric, opening, closing, law) + any(box),
    any(accented) + any(opening, closing) + wordCharacter,
    "[Œœ][^A-Za-z]",
    `${any(upperAccented)}°`,

    // Windows-1252: Latin-1's letters, no-break spaces, superscripts, Arabic, scripts of South Asia.
    `[ÂÃÎÐ]${any("€œŠš¢£Ÿž\xa0\xad®©°·»–—´", opening, closing)}`,
    `[a-z]${space}?[ÃÂ] `,
    "^[ÃÂ] ",
    `${any(".,?!", closing)}Â `,
    "×[²³]",
    `(?:[ØÙ]${any(everywhere, currency, odd, numeric, opening, "ŸŠ®°µ»")}){2}`,
    "à[²µ¹¼½¾]",

    // Mac OS Roman.
    "√[±∂†≠®™´≤≥¥µø]",
    "≈[°¢]",
    "‚Ä[ìîïòôúùû†°¢π]",
    "‚[âó][àä°ê]",

    // Windows-1251: punctuation, Cyrillic, and punctuation that was misread twice.
    "вЂ",
    `[ВГРС]${any(control, odd, opening, closing, currency, "°µ")}[ВГРС]`,
    "ГўВЂВ[^\\n][A-Za-z ]",

    // Windows-1253: punctuation, Greek.
    "β€[™\xa0Ά\xad®°]",
    `[ΒΓΞΟ]${any(control, odd, opening, closing, currency, "°")}[ΒΓΞΟ]`,
  ];
}

let rules: RegExp | undefined;

/** Whether a text looks as if it was decoded with a wrong encoding. */
export const isSuspicious = (text: string): boolean =>
  (rules ??= new RegExp(makeRules().join("|"), "u")).test(text);
