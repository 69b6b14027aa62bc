import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { samplers } from "./sampler-table.js";

it("shows every sampler with its options in the README", () => {
  const rows = Object.values(samplers).map(
    ({ name, description, options }) =>
      `| \`${name}\` | ${description} | ${Object.keys(options.shape)
        .map((option) => `\`${option}\``)
        .join(", ")} |`,
  );
  const plain = (text: string) => text.replace(/ +/g, " ").replace(/-{3,}/g, "---");
  const table = ["| name | is | options beside `steps` |", "| --- | --- | --- |", ...rows].join("\n");
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  expect(plain(readme).includes(table), `README.md lacks the table as it now is:\n${table}`).toBe(true);
});
