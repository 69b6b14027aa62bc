import { COLOUR_NAMES, type ColourName } from "./colours.js";
import { POSES } from "./figure.js";
import { OBJECT_KINDS } from "./objects/kinds.js";
import type { Scene, SceneObject } from "./scene.js";
import { SETTING_NAMES, SETTINGS, type SettingName } from "./settings.js";

const article = (words: string): string => `${/^[aeiou]/.test(words) ? "an" : "a"} ${words}`;

const nameOf = ({ kind, colour, pose }: SceneObject, size: string | null): string => {
  const lead = size ? `${size} ` : "";
  if (kind === "person") return article(`${lead}person in ${colour}${pose ? ` ${pose}` : ""}`);
  return article(`${lead}${colour} ${kind}`);
};

/**
 * The caption of a scene: lower case, without punctuation but for commas. The grammar, with the main object always
 * first (`thing` is "a [small|big] COLOUR KIND" or "a person in COLOUR POSE"):
 * ```
 * caption := things place | place "," things | "a picture of" things place | "there is" things place
 * things  := thing | thing "and a small COLOUR KIND on the" side
 *                  | thing "with a small COLOUR KIND to its" side
 * side    := "left" | "right"
 * place   := "on a meadow at noon" | "on a beach at sunset" | "in the snow" | ...
 * ```
 */
export function captionOf(scene: Scene): string {
  const [main, second] = scene.objects;
  let things = nameOf(main!, scene.size);
  if (second && scene.side)
    things +=
      scene.variation[0]! < 0.5
        ? ` and ${nameOf(second, "small")} on the ${scene.side}`
        : ` with ${nameOf(second, "small")} to its ${scene.side}`;
  const place = SETTINGS[scene.setting].phrase;
  const phrasing = scene.variation[1]!;
  if (phrasing < 0.6) return `${things} ${place}`;
  if (phrasing < 0.76) return `${place}, ${things}`;
  if (phrasing < 0.88) return `a picture of ${things} ${place}`;
  return `there is ${things} ${place}`;
}

/** Every word that a caption can hold, sorted. */
export function vocabulary(): string[] {
  const fixed = "a an there is picture of and with to its on the left right in person small big";
  const places = SETTING_NAMES.map((name) => SETTINGS[name].phrase).join(" ");
  return [
    ...new Set([...`${fixed} ${places}`.split(" "), ...COLOUR_NAMES, ...OBJECT_KINDS, ...POSES]),
  ].sort();
}

/** The main object's colour as a caption states it, or undefined where it states none. */
export function colourInCaption(caption: string): ColourName | undefined {
  return caption
    .split(/[\s,]+/)
    .find((word): word is ColourName => (COLOUR_NAMES as string[]).includes(word));
}

/** The place that a caption names, or undefined where it names none. */
export function settingInCaption(caption: string): SettingName | undefined {
  return SETTING_NAMES.find((name) => caption.includes(SETTINGS[name].phrase));
}
