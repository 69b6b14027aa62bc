import { fixCharacters } from "./fix-characters.js";
import { fixC1Controls, fixEncoding } from "./fix-encoding.js";
import { unescapeComplete } from "./unescape-html.js";

// Printable ASCII without "&", tabs, line and form feeds: nothing is ever changed in it.
const untouched = /^[\t\n\f\x20-\x25\x27-\x7e]*$/;

/** Code points that are looked at together at most. */
const longestSegment = 1_000_000;

/** The lines of a text, with their line feeds; those that are too long in pieces. */
function segments(text: string): string[] {
  const lines = text.match(/[^\n]*\n|[^\n]+/g) ?? [];
  return lines.flatMap((line) => {
    if (line.length <= longestSegment) return [line];
    const letters = [...line];
    const pieces: string[] = [];
    for (let i = 0; i < letters.length; i += longestSegment)
      pieces.push(letters.slice(i, i + longestSegment).join(""));
    return pieces;
  });
}

function fixSegment(segment: string, hasReferences: boolean): string {
  for (let text = segment; ; ) {
    const before = text;
    if (hasReferences) text = unescapeComplete(text);
    text = fixCharacters(fixC1Controls(fixEncoding(text)));
    if (text === before) return text;
  }
}

/**
 * Repairs a text line by line as `ftfy.fix_text` 6.3 does with its defaults: text decoded with a wrong encoding, HTML
 * references (up to the first line with a "<"), ligatures, character width, quotes, line breaks, controls.
 */
export function fixText(text: string): string {
  if (untouched.test(text)) return text;
  let hasReferences = true;
  const fixed = segments(text).map((segment) => {
    if (segment.includes("<")) hasReferences = false;
    return fixSegment(segment, hasReferences);
  });
  return fixed.join("");
}
