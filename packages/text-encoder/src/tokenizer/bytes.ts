/** The printable character that stands for each byte in byte-level BPE files, as in OpenAI's GPT-2. */
export const byteCharacters: readonly string[] = (() => {
  const printable = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
})();

/** The bytes in the order in which CLIP numbers them: the printable ones first. */
export const bytesInOrder: readonly number[] = Array.from({ length: 256 }, (_, byte) => byte).sort(
  (a, b) =>
    Number(byteCharacters[a]!.charCodeAt(0) > 255) - Number(byteCharacters[b]!.charCodeAt(0) > 255) || a - b,
);

const byteOf: ReadonlyMap<string, number> = new Map(
  byteCharacters.map((character, byte) => [character, byte]),
);
const encoder = new TextEncoder();

/** A text as one character per UTF-8 byte. */
export const toByteCharacters = (text: string): string =>
  Array.from(encoder.encode(text), (byte) => byteCharacters[byte]!).join("");

/** The inverse of {@link toByteCharacters}; broken UTF-8 becomes U+FFFD. */
export const fromByteCharacters = (characters: string): string =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(
    Uint8Array.from(characters, (character) => byteOf.get(character) ?? 0x3f),
  );
