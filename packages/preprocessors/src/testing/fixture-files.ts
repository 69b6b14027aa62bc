import type { Fixtures } from "./fixture-results.js";
import { type NamedArrays, parseArrays } from "./parse-fixture.js";

/**
 * Reads the fixtures' folder.
 * @param read the bytes of a file of it, by name
 */
export async function loadFixtures(read: (name: string) => Promise<Blob>): Promise<Fixtures> {
  const arrays = async (name: string): Promise<NamedArrays> => {
    const unpacked = (await read(name)).stream().pipeThrough(new DecompressionStream("gzip"));
    return parseArrays(new Uint8Array(await new Response(unpacked).arrayBuffer()));
  };
  const json = async (name: string) => JSON.parse(await (await read(name)).text());
  return {
    pictures: await arrays("pictures.bin.gz"),
    resize: await arrays("resize.bin.gz"),
    maps: await arrays("maps.bin.gz"),
    remap: await arrays("remap.bin.gz"),
    poses: await arrays("pose.bin.gz"),
    scenes: await json("pose.json"),
    canny: await json("canny.json"),
    hough: await json("hough.json"),
  };
}
