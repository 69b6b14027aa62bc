import type { Condition, Detection, Image } from "@controlnet-js/core";
import type { Sample } from "@controlnet-js/data";
import { type Figures, figureTitles, type Measure, measureOf } from "@controlnet-js/metrics";

/** A condition as a run uses it. */
interface UsedCondition {
  condition: Condition;
  conditionOptions: Record<string, unknown>;
  /** Whether it can make maps of pictures. */
  detects: boolean;
}

/** How well pictures follow the maps that they were given, by the figures of the condition's measure. */
export async function adherence(
  { condition, conditionOptions }: Omit<UsedCondition, "detects">,
  images: readonly Image[],
  samples: readonly Pick<Sample, "image" | "map">[],
): Promise<Figures> {
  const measure = measureOf(condition);
  if (!measure) return {};
  const tally = measure.start(conditionOptions);
  const examine = async (image: Image): Promise<Detection> =>
    measure.usesFindings
      ? condition.examine(image, conditionOptions)
      : { map: await condition.detect(image, conditionOptions) };
  for (const [i, image] of images.entries()) {
    const { image: truth, map } = samples[i]!;
    tally.add(await examine(image), measure.usesFindings ? await examine(truth) : { map });
  }
  return tally.figures();
}

/** Why there is no adherence; undefined where it can be measured. */
export function whyNotMeasured({
  condition,
  detects,
}: Omit<UsedCondition, "conditionOptions">): string | undefined {
  if (!measureOf(condition))
    return `how pictures follow their maps is not measured: condition "${condition.name}" does not say how maps are compared (compare)`;
  if (!detects)
    return `${figuresOf(condition).join(", ")}: not measured, as condition "${condition.name}" has no network (weights) to find the pictures' maps with`;
  return undefined;
}

/** The names of a condition's figures. */
export const figuresOf = (condition: Condition): string[] => Object.keys(measureOf(condition)?.better ?? {});

/** A figure's title, and which way it is better: `edge F1 (higher is better)`. */
export function titleOf(figure: string, better: Measure["better"]): string {
  const title = Object.hasOwn(figureTitles, figure) ? figureTitles[figure] : figure;
  return `${title} (${better[figure] ?? "higher"} is better)`;
}

/** The name of a figure's column in a run's CSV files: `edge_f1` for `edgeF1`. */
export const columnOf = (figure: string): string =>
  figure.replaceAll(/([a-z])([A-Z][a-z0-9])/g, "$1_$2").toLowerCase();
