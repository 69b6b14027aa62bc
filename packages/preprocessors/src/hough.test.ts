import { expect, test } from "vitest";
import { canny } from "./canny.js";
import { houghLines } from "./hough-lines.js";
import { houghSegments } from "./hough-segments.js";
import { readImages, readJson } from "./testing/read-fixture.js";

const pictures = readImages("pictures.bin.gz");
type Steps = [picture: string, rho: number, theta: number, threshold: number];
const fixture = readJson<{
  segments: [...Steps, length: number, gap: number, found: number[][]][];
  lines: [...Steps, count: number, found: number[][]][];
}>("hough.json");

test("houghSegments gives the segments of cv2.HoughLinesP, in its order", () => {
  let found = 0;
  for (const [name, rho, theta, threshold, minLength, maxGap, wanted] of fixture.segments) {
    const edges = canny(pictures[name]!);
    const segments = houghSegments(edges, { rho, theta, threshold, minLength, maxGap });
    expect(segments.map(({ x1, y1, x2, y2 }) => [x1, y1, x2, y2])).toEqual(wanted);
    found += segments.length;
  }
  expect(found).toBeGreaterThan(1000);
});

test("houghLines gives the lines of cv2.HoughLines, in its order", () => {
  let found = 0;
  for (const [name, rho, theta, threshold, count, wanted] of fixture.lines) {
    const lines = houghLines(canny(pictures[name]!), { rho, theta, threshold });
    expect(lines.length).toBe(count);
    expect(lines.slice(0, wanted.length).map((line) => [line.rho, line.theta])).toEqual(wanted);
    found += lines.length;
  }
  expect(found).toBeGreaterThan(300);
});

test("steps without meaning are refused", () => {
  const edges = canny(pictures.houses!);
  expect(() => houghSegments(edges, { rho: 0 })).toThrow(/rho > 0 and theta in \(0, pi\], got 0/);
  expect(() => houghLines(edges, { theta: -1 })).toThrow(/rho > 0/);
  expect(() => houghSegments(edges, { maxGap: Number.NaN })).toThrow(/finite lengths/);
  expect(() => houghSegments(pictures.houses!)).toThrow(/expected 1 channels, got 3/);
});
