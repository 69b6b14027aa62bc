/** OpenCV.js: `tsx bench/opencv-js.ts picture.raw`. Its matrices lie in its memory already; ours are copied in and out. */
import { createRequire } from "node:module";
import { BODY_COLOURS, BODY_LIMBS } from "../dist/index.js";
import { peopleOf, photographOf, SCALES } from "./inputs.js";
import { type Cases, serveCases } from "./measure.js";

// The package has a promise or a module with a callback, depending on its version.
const loaded = createRequire(import.meta.url)("@techstark/opencv-js");
const cv = await loaded;
if (!cv.Mat)
  await new Promise<void>((resolve) => {
    cv.onRuntimeInitialized = resolve;
  });

const FLAGS = {
  nearest: cv.INTER_NEAREST,
  bilinear: cv.INTER_LINEAR,
  cubic: cv.INTER_CUBIC,
  lanczos4: cv.INTER_LANCZOS4,
  area: cv.INTER_AREA,
};

await serveCases((size) => {
  const rgb = new cv.Mat(size, size, cv.CV_8UC3);
  rgb.data.set(photographOf(size).data);
  const [grey, edges, result, lines] = [new cv.Mat(), new cv.Mat(), new cv.Mat(), new cv.Mat()];
  cv.cvtColor(rgb, grey, cv.COLOR_RGB2GRAY);
  cv.Canny(grey, edges, 200, 400);
  const people = peopleOf(size);
  const cases: Cases = {
    "canny, rgb": () => cv.Canny(rgb, result, 100, 200),
    "canny, grey": () => cv.Canny(grey, result, 100, 200),
    "hough lines": () => cv.HoughLines(edges, lines, 1, Math.PI / 180, 100),
    "hough segments": () => cv.HoughLinesP(edges, lines, 1, Math.PI / 180, 80, 30, 5),
    "four poses": () => drawPoses(size, people),
  };
  for (const [method, flag] of Object.entries(FLAGS))
    for (const [direction, scale] of Object.entries(SCALES)) {
      const target = new cv.Size(size * scale, size * scale);
      cases[`${method} ${direction}`] = () => cv.resize(rgb, result, target, 0, 0, flag);
    }
  return cases;
});

/** Limbs as ellipses, then joints, as drawPoses does. */
function drawPoses(size: number, people: ReturnType<typeof peopleOf>): void {
  const canvas = cv.Mat.zeros(size, size, cv.CV_8UC3);
  for (const { body } of people) {
    BODY_LIMBS.forEach(([from, to], i) => {
      const [a, b] = [body[from]!, body[to]!];
      const centre = new cv.Point(Math.trunc((a.x + b.x) / 2), Math.trunc((a.y + b.y) / 2));
      const axes = new cv.Size(Math.trunc(Math.hypot(a.x - b.x, a.y - b.y) / 2), 4);
      const degrees = Math.trunc((Math.atan2(a.y - b.y, a.x - b.x) * 180) / Math.PI);
      const colour = [...BODY_COLOURS[i]!.map((value) => value * 0.6), 255];
      cv.ellipse(canvas, centre, axes, degrees, 0, 360, colour, cv.FILLED);
    });
    body.forEach(({ x, y }, i) => {
      cv.circle(canvas, new cv.Point(Math.trunc(x), Math.trunc(y)), 4, [...BODY_COLOURS[i]!, 255], cv.FILLED);
    });
  }
  canvas.delete();
}
