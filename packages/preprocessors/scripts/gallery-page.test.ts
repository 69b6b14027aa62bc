import { existsSync, readFileSync } from "node:fs";
import { isControlNetError } from "@controlnet-js/core";
import { expect, test } from "vitest";
import { blankImage } from "../src/index.js";
import { galleryEntries } from "./gallery-entries.js";
import { galleryPage } from "./gallery-page.js";

const docs = (path: string) => new URL(`../../../docs/${path}`, import.meta.url);

test("docs/conditions.md says what the conditions' definitions say; `pnpm gallery` makes it anew", () => {
  expect(readFileSync(docs("conditions.md"), "utf8")).toBe(galleryPage(galleryEntries));
  for (const { picture } of galleryEntries)
    expect({ picture, isThere: existsSync(docs(picture)) }).toEqual({ picture, isThere: true });
});

test("the page says rightly which conditions need a network", async () => {
  for (const { condition, needsNetwork } of galleryEntries) {
    const picture = blankImage(64, 64, condition.name === "inpaint" ? 4 : 3);
    const asksForNetwork = await condition.detect(picture).then(
      () => false,
      (error) => isControlNetError(error) && error.code === "missing",
    );
    expect({ name: condition.name, asksForNetwork }).toEqual({
      name: condition.name,
      asksForNetwork: needsNetwork,
    });
  }
});
