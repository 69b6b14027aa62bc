// A surrogate pair with each half in UTF-8 by itself (CESU-8), and Java's NUL. A line feed at the very end passes for
// the last byte, as in ftfy, whose expressions end in `$`.
const surrogatePair = /\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf](?:[\x80-\xbf]|\n$)/g;
const javaNull = /\xc0(?:\x80|\n$)/g;

const joinHalves = (pair: string): string => {
  const bits = (at: number, mask: number): number => pair.charCodeAt(at) & mask;
  const code = 0x10000 + ((bits(1, 0xf) << 16) | (bits(2, 0x3f) << 10) | (bits(4, 0xf) << 6) | bits(5, 0x3f));
  return String.fromCharCode(
    0xf0 | (code >> 18),
    0x80 | ((code >> 12) & 0x3f),
    0x80 | ((code >> 6) & 0x3f),
    0x80 | (code & 0x3f),
  );
};

/** The text of a byte string in UTF-8, CESU-8 or Java's UTF-8; undefined where it is none of them. */
export function decodeUtf8(bytes: string): string | undefined {
  const standard = bytes.replace(surrogatePair, joinHalves).replace(javaNull, "\0");
  const values = new Uint8Array(standard.length);
  for (let i = 0; i < values.length; i++) values[i] = standard.charCodeAt(i);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(values);
  } catch {
    return undefined;
  }
}
