import { randomUniform } from "@controlnet-js/core";
import { COLOUR_NAMES } from "../colours.js";
import { actionsOf } from "./actions.js";
import { coloursWithout, hasTimes, PLACE_NAMES, type PlaceName, type TimeName } from "./places.js";
import { type Content, KINDS2, type Kind2, type Relation, type StyleName, type Thing } from "./scene.js";

/** Kinds that find room on a table. */
const ON_TABLES: readonly Kind2[] = [
  "ball",
  "cube",
  "cone",
  "cylinder",
  "pyramid",
  "ring",
  "cup",
  "mushroom",
  "lamp",
];

/** Kinds too large for a room. */
const OUTDOORS: readonly Kind2[] = ["house", "boat", "rocket", "car", "horse", "tree", "pine", "snowman"];

/** What a scene's caption says: drawn from (seed, index) alone, before anything is placed. */
export function contentOf(seed: number, index: number, style: StyleName): Content {
  const random = randomUniform({ seed, purpose: "tinyworld 2 content", index });
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const place: PlaceName = pick(PLACE_NAMES);
  const hour = random();
  const time: TimeName = !hasTimes(place)
    ? "day"
    : hour < 0.36
      ? "day"
      : hour < 0.52
        ? "noon"
        : hour < 0.76
          ? "sunset"
          : "night";
  const without = coloursWithout(place, time);
  const colours = COLOUR_NAMES.filter((name) => !without.includes(name));
  const kinds = place === "room" ? KINDS2.filter((kind) => !OUTDOORS.includes(kind)) : KINDS2;
  const many = random();
  const count = many < 0.42 ? 1 : many < 0.79 ? 2 : many < 0.94 ? 3 : 4;
  const things: Thing[] = [];
  for (let i = 0; i < count; i++) {
    const living = random() < 0.24;
    const kind = living
      ? pick(
          place === "room" ? (["person", "dog"] as const) : (["person", "person", "dog", "horse"] as const),
        )
      : pick(kinds);
    const free = colours.filter(
      (name) => !things.some((other) => other.kind === kind && other.colour === name),
    );
    const actions = actionsOf(kind);
    const told = random() < 0.6;
    things.push({ kind, colour: pick(free), action: told && actions.length > 0 ? pick(actions) : null });
  }
  let relation: Relation | null = null;
  const related = random();
  if (count === 2 && related < 0.2) {
    relation = "on";
    const [first, second] = [pick(ON_TABLES), things[1]!.colour];
    const colour =
      things[0]!.colour === second ? pick(colours.filter((name) => name !== second)) : things[0]!.colour;
    things[0] = { kind: first, colour, action: null };
    things[1] = { kind: "table", colour: second, action: null };
  } else if (count === 2 && related < 0.5) relation = "next to";
  return { place, time, style, things, relation, phrasing: random() };
}
