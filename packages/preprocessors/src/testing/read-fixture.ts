import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { ByteImage } from "../image.js";
import { asImages, type NamedArrays, parseArrays } from "./parse-fixture.js";

const fileOf = (name: string) => readFileSync(new URL(`../../fixtures/${name}`, import.meta.url));

/** Reads the named arrays of a file of the fixtures' folder. */
export const readFixture = (name: string): NamedArrays => parseArrays(gunzipSync(fileOf(name)));

/** The fixture's arrays as byte images `[height, width, channels]`; two dimensions mean one channel. */
export const readImages = (name: string): Record<string, ByteImage> => asImages(readFixture(name));

/** A JSON file of the fixtures' folder. */
export const readJson = <T>(name: string): T => JSON.parse(fileOf(name).toString("utf8"));
