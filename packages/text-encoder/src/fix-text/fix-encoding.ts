import { decodeUtf8 } from "./decode-utf8.js";
import { fixEmbedded } from "./embedded.js";
import { encode, encodings, upperHalf } from "./encodings.js";
import { replaceLossySequences, restoreNoBreakSpaces } from "./repair-bytes.js";
import { isSuspicious } from "./suspicion.js";

/** C1 controls, which nobody means, as the windows-1252 characters of the same bytes. */
export function fixC1Controls(text: string): string {
  if (!/[\x80-\x9f]/.test(text)) return text;
  const characters = upperHalf("windows-1252");
  return text.replace(/[\x80-\x9f]/g, (control) => characters[control.charCodeAt(0) - 0x80]!);
}

function fixOnce(text: string): string {
  if (!isSuspicious(text)) return text;
  for (const encoding of encodings()) {
    let bytes = encode(text, encoding);
    if (bytes === undefined) continue;
    // In Mac OS Roman a dash before a space would look like UTF-8 with a changed byte.
    if (encoding.name !== "macroman") bytes = restoreNoBreakSpaces(bytes);
    if (encoding.lossy) bytes = replaceLossySequences(bytes);
    const decoded = decodeUtf8(bytes);
    if (decoded !== undefined) return decoded;
  }
  const fixed = fixEmbedded(text, fixEncoding);
  return fixed === text ? fixC1Controls(text) : fixed;
}

/** Repairs UTF-8 that was read in one of {@link encodings}, as often as it was. */
export function fixEncoding(text: string): string {
  for (let before = text; ; before = text) {
    text = fixOnce(before);
    if (text === before) return text;
  }
}
