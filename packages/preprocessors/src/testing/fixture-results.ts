import { overWhite } from "../alpha.js";
import { canny } from "../canny.js";
import { crop, resizeToResolution } from "../fit.js";
import { gaussianBlur } from "../gaussian-blur.js";
import { houghLines } from "../hough-lines.js";
import { houghSegments } from "../hough-segments.js";
import { type ByteImage, toGrey } from "../image.js";
import { binary } from "../maps/binary.js";
import { depthMap } from "../maps/depth.js";
import { lineartStandard } from "../maps/lineart-standard.js";
import { normalFromDepth } from "../maps/normal-from-depth.js";
import { recolour } from "../maps/recolour.js";
import { fakeScribble, scribble, scribbleXdog } from "../maps/scribble.js";
import { remap, shuffle } from "../maps/shuffle.js";
import { softEdges } from "../maps/soft-edges.js";
import { colourGrid, tile } from "../maps/tile.js";
import { drawPoses } from "../pose/draw-poses.js";
import { resize } from "../resize.js";
import type { Interpolation } from "../resize-taps.js";
import { asImage, asImages, type NamedArrays } from "./parse-fixture.js";
import { poseScenes, type StoredScenes } from "./pose-scenes.js";

type Steps = [picture: string, rho: number, theta: number, threshold: number];

/** The fixtures' folder, read. */
export interface Fixtures {
  pictures: NamedArrays;
  resize: NamedArrays;
  maps: NamedArrays;
  remap: NamedArrays;
  poses: NamedArrays;
  scenes: StoredScenes;
  canny: { cases: [string, number, number, 3 | 5 | 7, l2: number, edges: number, sha: string][] };
  hough: {
    segments: [...Steps, length: number, gap: number, found: number[][]][];
    lines: [...Steps, count: number, found: number[][]][];
  };
}

/** What this library makes of one case of the fixtures, as bytes. */
export interface FixtureResult {
  name: string;
  bytes: Uint8Array;
  /** What the reference made of it, where both are equal: its bytes, or the first digits of their SHA-256. */
  wanted?: Uint8Array | string;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Int32Array | Float32Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);
const int32 = (values: number[][]) => bytesOf(Int32Array.from(values.flat()));
const float32 = (values: number[][]) => bytesOf(Float32Array.from(values.flat()));

/** Every case of the fixtures, for comparing machines with one another: in Node and in browsers alike. */
export function* fixtureResults(fixtures: Fixtures): Generator<FixtureResult> {
  const pictures = asImages(fixtures.pictures);
  yield* edgeResults(fixtures, pictures);
  for (const key of Object.keys(fixtures.resize)) {
    const [name, width, height, method] = key.split(" ");
    const resized = resize(pictures[name!]!, Number(width), Number(height), method as Interpolation);
    yield { name: `resize ${key}`, bytes: resized.data };
  }
  yield* mapResults(fixtures, pictures);
  const scenes = poseScenes(fixtures.scenes);
  for (const [key, reference] of Object.entries(fixtures.poses)) {
    const [index, version] = key.split(" ") as [string, "1.0" | "1.1"];
    const options = version === "1.0" ? { version, hands: false, face: false } : {};
    const { data } = drawPoses(scenes[Number(index)]!, options);
    yield { name: `pose ${key}`, bytes: data, ...(key !== "4 1.1" && { wanted: asImage(reference).data }) };
  }
}

function* edgeResults(fixtures: Fixtures, pictures: Record<string, ByteImage>): Generator<FixtureResult> {
  for (const [picture, low, high, aperture, l2, , sha] of fixtures.canny.cases) {
    const edges = canny(pictures[picture]!, { low, high, aperture, l2Gradient: l2 === 1 });
    yield {
      name: `canny ${picture} ${low} ${high} ${aperture} ${l2}`,
      bytes: edges.data,
      wanted: sha,
    };
  }
  for (const [picture, rho, theta, threshold, minLength, maxGap, wanted] of fixtures.hough.segments) {
    const found = houghSegments(canny(pictures[picture]!), { rho, theta, threshold, minLength, maxGap });
    yield {
      name: `segments ${picture} ${rho} ${theta} ${threshold} ${minLength} ${maxGap}`,
      bytes: int32(found.map(({ x1, y1, x2, y2 }) => [x1, y1, x2, y2])),
      wanted: int32(wanted),
    };
  }
  for (const [picture, rho, theta, threshold, count, wanted] of fixtures.hough.lines) {
    const found = houghLines(canny(pictures[picture]!), { rho, theta, threshold });
    yield {
      name: `lines ${picture} ${rho} ${theta} ${threshold}`,
      bytes: float32(found.map((line) => [line.rho, line.theta])),
      ...(wanted.length === count && { wanted: float32(wanted) }),
    };
  }
}

function* mapResults(fixtures: Fixtures, pictures: Record<string, ByteImage>): Generator<FixtureResult> {
  const bytes = (key: string) => asImage(fixtures.maps[key]!);
  const floats = (key: string) => ({ ...bytes(key), data: fixtures.maps[key]!.data as Float32Array });
  const equal = (name: string, { data }: ByteImage) => ({ name, bytes: data, wanted: bytes(name).data });
  const near = (name: string, { data }: ByteImage) => ({ name, bytes: data });
  for (const name of ["astronaut", "coffee", "drawing"]) {
    const picture = crop(pictures[name]!, 0, 0, 80, 72);
    yield equal(`${name} grey`, toGrey(picture));
    for (const sigma of ["1.0", "3.0", "9.0"])
      yield equal(`${name} blur ${sigma}`, gaussianBlur(picture, Number(sigma)));
    yield equal(`${name} scribble`, scribble(picture));
    yield equal(`${name} otsu`, binary(picture));
    yield near(`${name} fake-scribble`, fakeScribble(bytes(`${name} soft`)));
    yield near(`${name} xdog`, scribbleXdog(picture));
    yield equal(`${name} depth-map`, depthMap(floats(`${name} depth`)));
    for (const threshold of ["0.1", "0.4"]) {
      const normal = normalFromDepth(floats(`${name} depth`), { backgroundThreshold: Number(threshold) });
      yield near(`${name} normal ${threshold}`, normal);
    }
    yield near(`${name} luminance`, recolour(picture));
    yield near(`${name} intensity`, recolour(picture, { of: "intensity", gamma: 0.7 }));
    yield near(`${name} tile`, tile(picture, 4));
    yield near(`${name} colour`, colourGrid(picture, 16));
  }
  yield near("line art", lineartStandard(bytes("square")));
  yield equal("edges safe", softEdges(floats("edges"), { safe: true }));
  yield equal("edges plain", softEdges(floats("edges")));
  yield equal("over-white", overWhite(bytes("rgba")));
  yield near("resolution 64", resizeToResolution(pictures.coffee!, 64));
  yield near("resolution 192", resizeToResolution(pictures.two!, 192));
  const flow = fixtures.remap.flow!.data as Float32Array;
  const half = flow.length / 2;
  const [x, y] = [flow.subarray(0, half), flow.subarray(half)];
  for (const [name, wanted] of Object.entries(fixtures.remap)) {
    const [, seed, cell] = name.split(" ");
    if (cell === undefined) continue;
    const { data } = shuffle(pictures.houses!, { seed: Number(seed), cell: Number(cell) });
    yield { name, bytes: data, wanted: asImage(wanted).data };
  }
  yield near("remap", remap(crop(pictures.houses!, 0, 0, 100, 60), x, y));
}
