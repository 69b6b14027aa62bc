import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as z from "zod";
import { controlSettings, runSettings, settled } from "./run-settings.js";

const readme = new URL("../README.md", import.meta.url);
const marks = /(<!-- settings: begin -->\n)[\s\S]*(<!-- settings: end -->)/;

interface Setting {
  type?: string;
  enum?: string[];
  minimum?: number;
  maximum?: number;
  default?: unknown;
  usual?: string;
  description: string;
}

/** A row of the table: what the schema tells of a setting. */
function row(name: string, field: z.ZodType): string {
  const setting = z.toJSONSchema(field, { io: "input" }) as Setting;
  const words = setting.enum?.map((word) => `\`"${word}"\``).join(", ");
  const kind = words ?? (setting.type === "array" ? "numbers" : setting.type);
  const usual = setting.usual ?? (setting.default === undefined ? "" : JSON.stringify(setting.default));
  return `| \`${name}\` | ${kind} | ${usual} | ${setting.description} |`;
}

test("the README's table is the schema's", () => {
  const rows = [runSettings, controlSettings].flatMap(({ shape }) =>
    Object.entries(shape).map(([name, field]) => row(name, field)),
  );
  const table = [
    "",
    "| setting | values | default | what it does |",
    "| --- | --- | --- | --- |",
    ...rows,
    "",
    "",
  ].join("\n");
  const text = readFileSync(readme, "utf8");
  if (process.env.UPDATE_TABLES) writeFileSync(readme, text.replace(marks, `$1${table}$2`));
  const bare = (markdown: string) => markdown.replace(/ +/g, " ").replace(/-{2,}/g, "--");
  expect(bare(marks.exec(readFileSync(readme, "utf8"))![0])).toContain(bare(table));
});

test("defaults are filled in; a mistake names its option", () => {
  expect(settled("f", runSettings, { steps: 5 })).toMatchObject({
    steps: 5,
    guidance: 9,
    seed: 0,
    guessMode: "off",
  });
  const wrong: [object, string][] = [
    [{ seed: -1 }, "seed"],
    [{ steps: 1.5 }, "steps"],
    [{ guidance: Number.NaN }, "guidance"],
    [{ guessMode: "on" }, "guessMode"],
    [{ longPrompts: "yes" }, "longPrompts"],
  ];
  for (const [options, option] of wrong)
    expect(() => settled("f", runSettings, options)).toThrow(
      expect.objectContaining({ code: "config", option }),
    );
  expect(() => settled("f", controlSettings, { half: "bth" as never })).toThrow(/f: half: .*"both"/);
});
