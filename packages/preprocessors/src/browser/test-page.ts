/** The page of the tests in Chromium: what they call lies on `globalThis`. */
import { isControlNetError } from "@controlnet-js/core";
import { loadFixtures } from "../testing/fixture-files.js";
import { type FixtureHashes, fixtureHashes } from "../testing/fixture-hashes.js";
import { type ReadImageOptions, readImage } from "./read-image.js";

/** What a picture read in the browser was: its bytes in base64, or the error's code and message. */
export type ReadResult =
  | { width: number; height: number; channels: number; data: string }
  | { code: string; message: string };

/** The functions that the page offers. */
export interface TestPage {
  hashFixtures(): Promise<FixtureHashes>;
  readPicture(url: string, options?: ReadImageOptions): Promise<ReadResult>;
}

const fetched = async (url: string) => (await fetch(url)).blob();

const page: TestPage = {
  hashFixtures: async () => fixtureHashes(await loadFixtures((name) => fetched(`/fixtures/${name}`))),
  async readPicture(url, options) {
    try {
      const { data, ...size } = await readImage(await fetched(url), options);
      let text = "";
      for (const byte of data) text += String.fromCharCode(byte);
      return { ...size, data: btoa(text) };
    } catch (error) {
      return { code: isControlNetError(error) ? error.code : "not ours", message: String(error) };
    }
  },
};
Object.assign(globalThis, { testPage: page });
