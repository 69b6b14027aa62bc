import { expect, test } from "vitest";
import { drawLine, fillCircle, type Point } from "../draw.js";
import { ellipseCorners, ellipseReach, roomForCorners } from "../ellipse-corners.js";
import { type ByteImage, blankImage } from "../image.js";
import { shapesKernel } from "../kernels/shapes-kernel.js";
import { roundHalfEven } from "../round-half-even.js";
import { drawShapesPlain } from "./draw-shapes-plain.js";
import { ShapeQueue } from "./shape-queue.js";
import { circle, limb } from "./shapes.js";

const ONE = 65536;

/** Random numbers in [0, 1) that are the same in each run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const sine = (degrees: number) => Math.fround(Math.round(Math.sin((degrees * Math.PI) / 180) * 1e7) / 1e7);

/** `cv2.ellipse2Poly` by its formula, corner by corner, repeated ones too. */
function ellipse(centre: Point, axes: Point, angle: number): Point[] {
  const corners: Point[] = [];
  for (let degree = 0; degree <= 360; degree++) {
    const along = axes.x * sine(450 - degree);
    const across = axes.y * sine(degree);
    const x = roundHalfEven(centre.x + along * sine(450 - angle) - across * sine(angle));
    const y = roundHalfEven(centre.y + along * sine(angle) + across * sine(450 - angle));
    corners.push({ x, y });
  }
  return corners;
}

/** `cv2.fillConvexPoly`, line by line and pixel by pixel. */
function fillPolygon(image: ByteImage, corners: readonly Point[], colour: readonly number[]): void {
  const { width, height } = image;
  for (const [i, corner] of corners.entries()) drawLine(image, corners.at(i - 1)!, corner, colour);
  const ends = Array.from({ length: height }, () => [] as number[]);
  corners.forEach((corner, i) => {
    const [upper, lower] = [corners.at(i - 1)!, corner].sort((a, b) => a.y - b.y) as [Point, Point];
    const rows = lower.y - upper.y;
    const slope = Math.trunc(((lower.x - upper.x) * 2 * ONE + rows) / (2 * rows));
    for (let y = Math.max(0, upper.y); y < Math.min(lower.y, height); y++)
      ends[y]!.push(Math.floor((upper.x * ONE + (y - upper.y) * slope + ONE / 2) / ONE));
  });
  ends.forEach((xs, y) => {
    const end = Math.min(width - 1, Math.max(...xs));
    for (let x = Math.max(0, Math.min(...xs)); x <= end; x++) image.data.set(colour, (y * width + x) * 3);
  });
}

/** A limb as the reference renderers draw it. */
function drawLimb(image: ByteImage, a: Point, b: Point, colour: readonly number[]): void {
  const centre = { x: Math.trunc((a.x + b.x) / 2), y: Math.trunc((a.y + b.y) / 2) };
  const length = Math.sqrt((a.y - b.y) ** 2 + (a.x - b.x) ** 2);
  const degrees = Math.trunc(Math.atan2(a.y - b.y, a.x - b.x) * (180 / Math.PI));
  const angle = (degrees + 360) % 360;
  fillPolygon(image, ellipse(centre, { x: Math.trunc(length / 2), y: 4 }, angle), colour);
}

/** Limbs with joints up to `beyond` outside a canvas; some with whole-numbered joints, for corners between pixels. */
function randomLimbs(width: number, height: number, beyond: number, count: number) {
  const random = generator(width + beyond);
  const place = (size: number) => random() * (size + 2 * beyond) - beyond;
  return Array.from({ length: count }, (_, i) => {
    const [a, b] = [0, 1].map(() => ({ x: place(width), y: place(height) })) as [Point, Point];
    if (i % 3 === 0)
      for (const joint of [a, b]) [joint.x, joint.y] = [Math.trunc(joint.x), Math.trunc(joint.y)];
    if (i % 5 === 0) b[i % 2 ? "x" : "y"] = a[i % 2 ? "x" : "y"];
    return { a, b, colour: [1 + Math.floor(random() * 255), 255, i & 255] };
  });
}

function expectSame(what: unknown, found: ByteImage, expected: ByteImage): void {
  const isSame = Buffer.from(found.data).equals(Buffer.from(expected.data));
  expect({ what, isSame }).toEqual({ what, isSame: true });
}

test("the corners of an ellipse are those of the formula, between two pixels too", () => {
  const random = generator(1);
  const found = roomForCorners();
  for (let i = 0; i < 2000; i++) {
    const centre = { x: Math.trunc(random() * 900) - 300, y: Math.trunc(random() * 900) - 300 };
    const axes = { x: Math.trunc(random() * (i % 10 ? 300 : 9e5)), y: 4 };
    const angle = i % 3 ? Math.trunc(random() * 360) : 90 * Math.trunc(random() * 4);
    ellipseCorners(centre, axes, angle, found);
    const reach = ellipseReach(axes, angle);
    const corners = ellipse(centre, axes, angle);
    const isSame = corners.every(({ x, y }, k) => x === found.x[k] && y === found.y[k]);
    const isNear = corners.every(
      ({ x, y }) => Math.abs(x - centre.x) <= reach.x && Math.abs(y - centre.y) <= reach.y,
    );
    const what = { centre, axes, angle };
    expect({ what, isSame, isNear }).toEqual({ what, isSame: true, isNear: true });
  }
});

test.each([
  ["inside", 300, 260, -6, 300],
  ["crossing the border", 150, 130, 40, 300],
  ["mostly outside", 40, 50, 400, 300],
  ["far outside", 30, 20, 9e5, 100],
  ["long", 1700, 1500, 60, 24],
  ["very long", 90, 7600, 20, 8],
  ["on a canvas of few pixels", 3, 2, 9, 100],
])(
  "limbs %s have the pixels of their polygons, with and without WebAssembly",
  (_, width, height, beyond, count) => {
    for (const { a, b, colour } of randomLimbs(width, height, beyond, count)) {
      const [plain, quick, expected] = [0, 1, 2].map(() => blankImage(width, height, 3)) as [
        ByteImage,
        ByteImage,
        ByteImage,
      ];
      drawLimb(expected, a, b, colour);
      const shape = limb(plain, a, b, colour, false);
      const rows = shape.bottom - shape.top + 1;
      if (rows > 0) {
        drawShapesPlain(plain, [shape], rows);
        expect(shapesKernel(quick, [shape], rows, true)).toBe(true);
      }
      expectSame({ a, b }, plain, expected);
      expectSame({ a, b }, quick, expected);
    }
  },
);

test("shapes lie over each other in their order, however many wait", () => {
  const [found, expected] = [blankImage(1900, 1300, 3), blankImage(1900, 1300, 3)];
  const queue = new ShapeQueue(found);
  for (const { a, b, colour } of randomLimbs(1900, 1300, 80, 160)) {
    queue.add(limb(found, a, b, colour, false));
    drawLimb(expected, a, b, colour);
    queue.add(circle(found, { x: Math.trunc(b.x), y: Math.trunc(b.y) }, 4, colour));
    fillCircle(expected, { x: Math.trunc(b.x), y: Math.trunc(b.y) }, 4, colour);
  }
  queue.flush();
  expectSame("canvas", found, expected);
});

test("WebAssembly lays limbs over a picture as TypeScript does", () => {
  const random = generator(7);
  const plain = blankImage(420, 300, 3);
  for (let i = 0; i < plain.data.length; i++) plain.data[i] = random() * 256;
  const quick = { ...plain, data: plain.data.slice() };
  const shapes = randomLimbs(420, 300, 50, 60)
    .map(({ a, b, colour }) => limb(plain, a, b, colour, true))
    .filter(({ top, bottom }) => top <= bottom);
  const rows = shapes.reduce((sum, { top, bottom }) => sum + bottom - top + 1, 0);
  drawShapesPlain(plain, shapes, rows);
  shapesKernel(quick, shapes, rows, false);
  expectSame("picture", quick, plain);
});
