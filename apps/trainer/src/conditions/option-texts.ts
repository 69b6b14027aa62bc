import { type Condition, ControlNetError } from "@controlnet-js/core";

/**
 * Throws where a condition's options can't be read and listed.
 * @throws ControlNetError `config`
 */
export function assertListed({ name, options }: Condition, command = "detect"): void {
  if (options?.shape !== undefined) return;
  throw new ControlNetError(
    "config",
    `controlnet ${command}: condition "${name}" has no schema of its options; make it with defineCondition`,
  );
}

/**
 * Reads `--option key=value` texts. What the option's schema takes decides whether a value is a number, a truth value
 * or text: `version=1.1` stays text where it must be one.
 * @throws ControlNetError `config` for a text without a key, or a key that was there before
 */
export function readOptionTexts(
  condition: Condition,
  texts: readonly string[],
  command = "detect",
): Record<string, unknown> {
  const shape = condition.options.shape as Record<
    string,
    { safeParse(value: unknown): { success: boolean } } | undefined
  >;
  // Without a prototype, so that no key is a special one.
  const given: Record<string, unknown> = Object.create(null);
  for (const text of texts) {
    const equals = text.indexOf("=");
    if (equals < 1)
      throw new ControlNetError("config", `controlnet ${command}: --option expects key=value, got "${text}"`);
    const key = text.slice(0, equals);
    const value = text.slice(equals + 1);
    if (key in given)
      throw new ControlNetError(
        "config",
        `controlnet ${command}: --option ${key} was given twice, the second time as "${text}"; keep one`,
      );
    const readings = [parsedJson(value), value];
    const schema = Object.hasOwn(shape, key) ? shape[key] : undefined;
    given[key] = readings.find((reading) => schema?.safeParse(reading).success) ?? readings[0];
  }
  return given;
}

/** A number, truth value or list; the text itself where it is no JSON. */
function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
