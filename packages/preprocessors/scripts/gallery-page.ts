import type { Condition } from "@controlnet-js/core";
import * as z from "zod";

/** How a condition is shown. */
export interface GalleryEntry {
  condition: Condition;
  /** The picture of its maps, beside the page. */
  picture: string;
  /** Whether finding it in a picture needs a network. */
  needsNetwork: boolean;
  /** What `--weights` is given for its network: a published file, or the folder of a model. */
  weights?: string;
  /** Options other than the defaults that the picture is made with. */
  shownWith?: Record<string, number>;
}

/** The part of a JSON schema that a table of options shows. */
interface OptionSchema {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  anyOf?: OptionSchema[];
  minimum?: number;
  maximum?: number;
}

const INTRODUCTION = `# Conditions

Every kind of control map that \`controlnet detect\` makes, each with its options. Page and pictures are made by
\`npx --yes pnpm@12.21.0 --filter @controlnet-js/preprocessors run gallery\` from the conditions' own definitions.

![Two photographs: an astronaut before a flag and a model of a shuttle, a cup of coffee on a table](conditions/photographs.jpg)

What can be found in pixels alone is shown for two photographs: [Eileen Collins](conditions/astronaut.jpg) (NASA, public
domain) and [a cup of coffee](conditions/coffee.jpg) (Rachel Michetti, CC0), both from scikit-image.

![Three rendered scenes: a person in a room, a red house in the snow, a person and a tree in the snow](conditions/scenes.jpg)

What a network has to find is shown for three rendered scenes of [tinyworld](../packages/tinyworld/README.md). **No network
is involved there:** the maps are drawn from the scenes' exact geometry. They show what a map means, not how well a network
sees. [Annotators](../packages/annotators/README.md) runs networks from the files that their authors published, which
\`--weights\` names. One of your own comes from a module, \`--condition ./my-depth.js\`, that exports
\`depthCondition.withNetwork(myNetwork)\` or its like.

Defaults are those of the original ControlNets. In code each map is one call:
\`await findCondition("canny").detect(image, { low: 50 })\`.
`;

/** The page as Markdown. */
export function galleryPage(entries: readonly GalleryEntry[]): string {
  return [INTRODUCTION, ...entries.map(section)].join("\n");
}

function section(entry: GalleryEntry): string {
  const { condition, picture, needsNetwork } = entry;
  const { name, description, options } = condition;
  const shown = needsNetwork ? "of the three scenes, from their geometry" : "of the two photographs";
  return `## ${name}

${description}.${needsNetwork ? " Needs a network." : ""}

![${name} ${shown}](${picture})

${optionTable(options)}

\`\`\`sh
${command(entry)}
\`\`\`
`;
}

function command({ condition: { name }, needsNetwork, weights, shownWith = {} }: GalleryEntry): string {
  const photo = name === "inpaint" ? "transparent.png" : "photo.jpg";
  const options = Object.entries(shownWith).map(([key, value]) => ` --option ${key}=${value}`);
  const detect = (condition: string) =>
    `controlnet detect --condition ${condition} --image ${photo} --out ${name}.png${options.join("")}`;
  const lines = needsNetwork ? [] : [detect(name)];
  if (weights) lines.push(detect(`${name} --weights ${weights}`));
  if (name === "pose") lines.push("controlnet detect --from-keypoints people.json --out pose.png");
  return lines.join("\n");
}

function optionTable(options: z.ZodObject): string {
  const { properties = {} } = z.toJSONSchema(options, { io: "input" });
  const rows = Object.entries(properties as Record<string, OptionSchema>);
  if (rows.length === 0) return "No options.";
  return table([
    ["option", "default", "values", "meaning"],
    ...rows.map(([key, option]) => {
      const standard = option.default === undefined ? "" : `\`${shown(option.default)}\``;
      return [`\`${key}\``, standard, values(option), option.description ?? ""];
    }),
  ]);
}

/** A Markdown table with columns of even width, the first row being the head. */
function table(rows: readonly string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  const [head, ...body] = rows;
  return [line(head!), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}

function values({ type, const: only, enum: choices, anyOf, minimum, maximum }: OptionSchema): string {
  if (only !== undefined) return `\`${shown(only)}\``;
  if (choices) return choices.map((choice) => `\`${shown(choice)}\``).join(", ");
  if (anyOf) return anyOf.map(values).join(", ");
  if (type === "boolean") return "`true`, `false`";
  const words = type === "integer" ? "whole number" : (type ?? "");
  if (minimum === undefined) return maximum === undefined ? words : `${words} up to ${shown(maximum)}`;
  return maximum === undefined || maximum === Number.MAX_SAFE_INTEGER
    ? `${words} from ${shown(minimum)}`
    : `${words} ${shown(minimum)} to ${shown(maximum)}`;
}

const shown = (value: unknown): string =>
  typeof value === "number" && !Number.isInteger(value)
    ? String(Number(value.toPrecision(6)))
    : String(value);
