const ligatures = /[\u0132\u0133\u0149\u01c4-\u01cc\u01f1-\u01f3\ufb00-\ufb06]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character begins what is to be removed
const terminalEscapes = /\x1b\[(?:\p{Nd}|;)*[a-zA-Z]/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is to be removed
const controls = /[\x00-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]/g;

/**
 * Plain characters for Latin ligatures, half- and full-width forms, curly quotes and line breaks; U+FFFD for lone
 * surrogates; nothing for terminal escapes and controls; composed (NFC).
 */
export const fixCharacters = (text: string): string =>
  text
    // NFKC would turn the long s of U+FB05 into a plain one.
    .replace(ligatures, (letter) => (letter === "\ufb05" ? "\u017ft" : letter.normalize("NFKC")))
    .replace(/[\u3000\uff01-\uffef]/g, (letter) => letter.normalize("NFKC"))
    .replace(/[\u201c-\u201f]/g, '"')
    .replace(/[\u02bc\u2018-\u201b]/g, "'")
    .replace(/\r\n|[\r\u2028\u2029\x85]/g, "\n")
    .replace(/\p{Cs}/gu, "\ufffd")
    .replace(terminalEscapes, "")
    .replace(controls, "")
    .normalize("NFC");
