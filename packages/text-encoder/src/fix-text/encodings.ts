/**
 * A single-byte encoding in which UTF-8 is often misread. Bytes and byte strings are characters U+0000 to U+00FF
 * here, so that regular expressions work on them.
 */
export interface Encoding {
  readonly name: EncodingName;
  /** The byte of each character. */
  readonly bytes: ReadonlyMap<string, string>;
  /** Whether byte 1A stands for U+FFFD, which lenient decoders leave where a byte means nothing. */
  readonly lossy: boolean;
}

/**
 * The characters of bytes 80 to FF. A space, or the end, stands for the Latin-1 character. As the WHATWG has them, but
 * spelt out: not every runtime's `TextDecoder` knows them all, and Node.js 20 reads windows-1252 as Latin-1.
 */
const upperHalves = {
  "latin-1": "",
  "windows-1252": "€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ",
  "windows-1251":
    "ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–— ™љ›њќћџ ЎўЈ Ґ  Ё Є    Ї  Ііґ   ё№є јЅѕї" +
    "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмнопрстуфхцчшщъыьэюя",
  "windows-1250":
    "€ ‚ „…†‡ ‰Š‹ŚŤŽŹ ‘’“”•–— ™š›śťžź ˇ˘Ł Ą    Ş    Ż  ˛ł     ąş Ľ˝ľż" +
    "Ŕ  Ă ĹĆ Č Ę Ě  ĎĐŃŇ  Ő  ŘŮ Ű  Ţ ŕ  ă ĺć č ę ě  ďđńň  ő  řů ű  ţ˙",
  "windows-1253":
    "€ ‚ƒ„…†‡ ‰ ‹     ‘’“”•–— ™ ›     ΅Ά            ―    ΄   ΈΉΊ Ό ΎΏ" +
    "ΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡ ΣΤΥΦΧΨΩΪΫάέήίΰαβγδεζηθικλμνξοπρςστυφχψωϊϋόύώ",
  "windows-1254":
    "€ ‚ƒ„…†‡ˆ‰Š‹Œ    ‘’“”•–—˜™š›œ  Ÿ                                " +
    "                Ğ            İŞ                 ğ            ış",
  "windows-1257":
    "€ ‚ „…†‡ ‰ ‹ ¨ˇ¸ ‘’“”•–— ™ › ¯˛         Ø Ŗ    Æ        ø ŗ    æ" +
    "ĄĮĀĆ  ĘĒČ ŹĖĢĶĪĻŠŃŅ Ō   ŲŁŚŪ ŻŽ ąįāć  ęēč źėģķīļšńņ ō   ųłśū żž˙",
  "iso-8859-2":
    "                                 Ą˘Ł ĽŚ  ŠŞŤŹ ŽŻ ą˛ł ľśˇ šşťź˝žż" +
    "Ŕ  Ă ĹĆ Č Ę Ě  ĎĐŃŇ  Ő  ŘŮ Ű  Ţ ŕ  ă ĺć č ę ě  ďđńň  ő  řů ű  ţ˙",
  macroman:
    "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°  §•¶ß® ™´¨≠ÆØ∞ ≤≥¥ ∂∑∏π∫ªºΩæø" +
    "¿¡¬√ƒ≈∆«»…\xa0ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\uf8ffÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ",
  cp437:
    "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐" +
    "└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\xa0",
} as const;

type EncodingName = keyof typeof upperHalves;

/** The 128 characters of bytes 80 to FF. */
export const upperHalf = (name: EncodingName): string[] =>
  Array.from({ length: 128 }, (_, i) => {
    const character = upperHalves[name][i] ?? " ";
    return character === " " ? String.fromCharCode(0x80 + i) : character;
  });

function makeEncoding(name: EncodingName): Encoding {
  const lossy = name.startsWith("windows-");
  const characters = [...Array.from({ length: 128 }, (_, i) => String.fromCharCode(i)), ...upperHalf(name)];
  if (lossy) characters[0x1a] = "\ufffd";
  const bytes = new Map(characters.map((character, byte) => [character, String.fromCharCode(byte)]));
  return { name, bytes, lossy };
}

let made: readonly Encoding[] | undefined;

/** The encodings in the order in which they are tried. */
export const encodings = (): readonly Encoding[] =>
  (made ??= (Object.keys(upperHalves) as EncodingName[]).map(makeEncoding));

/** A text as a byte string in `encoding`; undefined where it has characters that the encoding lacks. */
export function encode(text: string, { bytes }: Encoding): string | undefined {
  let encoded = "";
  for (let i = 0; i < text.length; i++) {
    const byte = bytes.get(text[i]!);
    if (byte === undefined) return undefined;
    encoded += byte;
  }
  return encoded;
}
