import { ControlNetError } from "@controlnet-js/core";

/** A request is one flat object; this is more than it needs. */
const deepest = 4;

/**
 * Parses the text of a request; its depth is known before anything is built from it.
 * @throws ControlNetError `data` where it is no JSON or nests too deep
 */
export function readJson(text: string): unknown {
  if (!nestsAtMost(text, deepest))
    throw new ControlNetError("data", `the request nests deeper than ${deepest} lists or objects`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ControlNetError("data", `the request is no JSON: ${(cause as Error).message}`, { cause });
  }
}

function nestsAtMost(text: string, depth: number): boolean {
  let open = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '"') i = endOfString(text, i);
    else if (character === "{" || character === "[") open++;
    else if (character === "}" || character === "]") open--;
    if (open > depth) return false;
  }
  return true;
}

/** Where the string that begins at `start` ends. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let first = end;
    while (text[first - 1] === "\\") first--;
    if ((end - first) % 2 === 0) return end;
  }
  return text.length;
}
