/** What a person can do. */
export const PERSON_ACTIONS = [
  "standing",
  "walking",
  "running",
  "waving",
  "sitting",
  "kneeling",
  "dancing",
  "jumping",
] as const;

/** What an animal can do. */
export const ANIMAL_ACTIONS = ["standing", "walking", "running", "sitting", "grazing"] as const;

/** An action, as captions name it. */
export type Action = (typeof PERSON_ACTIONS)[number] | (typeof ANIMAL_ACTIONS)[number];

/** All actions, each once. */
export const ACTIONS: readonly Action[] = [...new Set<Action>([...PERSON_ACTIONS, ...ANIMAL_ACTIONS])];

/** The actions of a kind; none where it can't act. */
export function actionsOf(kind: string): readonly Action[] {
  if (kind === "person") return PERSON_ACTIONS;
  if (kind === "dog") return ["standing", "walking", "running", "sitting"];
  if (kind === "horse") return ["standing", "walking", "running", "grazing"];
  return [];
}
