/** This library: `tsx bench/ours.ts picture.raw [plain]`, the second for TypeScript without WebAssembly. */
import { INTERPOLATIONS, peopleOf, photographOf, SCALES } from "./inputs.js";
import { type Cases, serveCases } from "./measure.js";

if (process.argv[3] === "plain") delete (globalThis as { WebAssembly?: unknown }).WebAssembly;
const { canny, drawPoses, houghLines, houghSegments, resize, toGrey } = await import("../dist/index.js");

await serveCases((size) => {
  const rgb = photographOf(size);
  const grey = toGrey(rgb);
  const edges = canny(grey, { low: 200, high: 400 });
  const people = peopleOf(size);
  const cases: Cases = {
    "canny, rgb": () => canny(rgb),
    "canny, grey": () => canny(grey),
    "hough lines": () => houghLines(edges, { threshold: 100 }),
    "hough segments": () => houghSegments(edges, { threshold: 80, minLength: 30, maxGap: 5 }),
    "four poses": () => drawPoses({ width: size, height: size, people }),
  };
  for (const method of INTERPOLATIONS)
    for (const [direction, scale] of Object.entries(SCALES))
      cases[`${method} ${direction}`] = () => resize(rgb, size * scale, size * scale, method);
  return cases;
});
