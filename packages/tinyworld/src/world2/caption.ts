import { COLOUR_NAMES } from "../colours.js";
import { ACTIONS } from "./actions.js";
import { PLACE_NAMES, PLACES, TIMES } from "./places.js";
import { type Content, KINDS2, type Thing } from "./scene.js";

const article = (words: string): string => `${/^[aeiou]/.test(words) ? "an" : "a"} ${words}`;

/** How captions name an object, and what its box is called. */
export function wordsOf({ kind, colour, action }: Thing): string {
  const does = action ? ` ${action}` : "";
  return article(kind === "person" ? `person in ${colour}${does}` : `${colour} ${kind}${does}`);
}

/**
 * The caption of a scene: lower case, without punctuation but for commas, never a word about where or how large things
 * are in the picture. The main object comes first:
 * ```
 * caption := [lead] things place | place "," things
 * lead    := "a pencil drawing of" where it is one, else "a picture of" | "there is"
 * things  := thing | thing "and" thing | thing "," thing "and" thing | ...
 *          | thing "next to" thing | thing "on" thing
 * thing   := "a" COLOUR KIND [ACTION] | "a person in" COLOUR [ACTION]
 * place   := ("on a meadow" | "in the snow" | ...) ["at noon" | "at sunset" | "at night"]
 * ```
 */
export function captionOf2({ things, relation, place, time, style, phrasing }: Content): string {
  const names = things.map(wordsOf);
  const all = relation
    ? names.join(` ${relation} `)
    : names.length === 1
      ? names[0]!
      : `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;
  const where = `${PLACES[place].phrase} ${TIMES[time]}`.trim();
  if (style === "pencil") return `a pencil drawing of ${all} ${where}`;
  if (phrasing < 0.64) return `${all} ${where}`;
  if (phrasing < 0.78) return `${where}, ${all}`;
  if (phrasing < 0.9) return `a picture of ${all} ${where}`;
  return `there is ${all} ${where}`;
}

/** Every word that a caption can hold, sorted. */
export function vocabulary2(): string[] {
  const fixed = "a an there is picture of and next to on in person pencil drawing";
  const places = PLACE_NAMES.map((name) => PLACES[name].phrase).join(" ");
  const times = Object.values(TIMES).join(" ").trim();
  const words = [...`${fixed} ${places} ${times}`.split(/ +/), ...COLOUR_NAMES, ...KINDS2, ...ACTIONS];
  return [...new Set(words)].sort();
}
