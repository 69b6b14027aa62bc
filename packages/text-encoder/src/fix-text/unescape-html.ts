import { upperHalf } from "./encodings.js";
import { htmlNames, namesWithoutSemicolon } from "./html-names.js";

let tables: { characters: ReadonlyMap<string, string>; bare: ReadonlySet<string> } | undefined;

/** What HTML's names stand for, and which of them need no semicolon. */
function nameTables() {
  if (tables) return tables;
  const characters = new Map<string, string>();
  for (const row of htmlNames.trim().split(/\s+/)) {
    const [codes, names] = row.split(":") as [string, string];
    const named = String.fromCodePoint(...codes.split("+").map((code) => Number.parseInt(code, 16)));
    for (const name of names.split(",")) characters.set(name, named);
  }
  tables = { characters, bare: new Set(namesWithoutSemicolon.trim().split(/\s+/)) };
  return tables;
}

/** What HTML makes of a numeric reference; nothing for controls and noncharacters. */
function numbered(code: number): string {
  if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return "\ufffd";
  if (code >= 0x80 && code <= 0x9f) return upperHalf("windows-1252")[code - 0x80]!;
  const control = code < 0x20 && !"\t\n\f\r".includes(String.fromCharCode(code));
  const noncharacter = (code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) === 0xfffe;
  return control || code === 0x7f || noncharacter ? "" : String.fromCodePoint(code);
}

/** What HTML makes of a named reference, of which a part may be the name; undefined where none is. */
function named(name: string): string | undefined {
  const { characters, bare } = nameTables();
  const whole = name.endsWith(";") ? characters.get(name.slice(0, -1)) : undefined;
  if (whole !== undefined) return whole;
  for (let length = Math.min(name.length, 6); length > 1; length--) {
    const start = name.slice(0, length);
    if (bare.has(start)) return characters.get(start)! + name.slice(length);
  }
  return undefined;
}

/** Replaces HTML's character references as HTML 5 and Python's `html.unescape` read them. */
export const unescapeHtml = (text: string): string =>
  text.replace(
    /&(?:#(\d+);?|#[xX]([\da-fA-F]+);?|([^\t\n\f <&#;]{1,32};?))/gu,
    (whole, decimal?: string, hexadecimal?: string, name?: string) => {
      if (name !== undefined) return named(name) ?? whole;
      return numbered(decimal === undefined ? Number.parseInt(hexadecimal!, 16) : Number(decimal));
    },
  );

/**
 * Replaces the references that are beyond doubt, as ftfy does: those with a semicolon, and lower-case names in capitals
 * ("&EACUTE;" is "É").
 */
export const unescapeComplete = (text: string): string =>
  text.replace(/&#?[0-9A-Za-z]{1,24};/g, (reference) => {
    const { characters } = nameTables();
    const name = reference.slice(1, -1);
    const known = characters.get(name);
    if (known !== undefined) return known;
    const unescaped = unescapeHtml(reference);
    if (name.startsWith("#")) return unescaped.includes(";") ? reference : unescaped;
    const lower = name === name.toUpperCase() ? characters.get(name.toLowerCase()) : undefined;
    return lower !== undefined && unescaped === reference ? lower.toUpperCase() : reference;
  });
