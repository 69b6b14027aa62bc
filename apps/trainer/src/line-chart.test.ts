import { expect, test } from "vitest";
import { lineChart } from "./line-chart.js";

test("a run of any length has a chart", () => {
  const points = Array.from({ length: 300_000 }, (_, x) => [x, Math.sin(x)] as const);
  expect(lineChart([{ title: "t", series: [{ name: "n", colour: "red", points }] }], "step")).toMatch(
    /200000|2\.0e\+5/,
  );
});

test("draws every point of a series within the panel, and the marker", () => {
  const svg = lineChart(
    [
      {
        title: "Loss",
        series: [
          {
            name: "loss",
            colour: "red",
            points: [
              [0, 1],
              [50, 0.5],
              [100, 0.25],
            ],
          },
        ],
        marker: { x: 50, label: "convergence at 50" },
      },
    ],
    "step",
  );
  const points = /points="([^"]+)"/
    .exec(svg)![1]!
    .split(" ")
    .map((pair) => pair.split(",").map(Number));
  expect(points).toHaveLength(3);
  for (const [x, y] of points) {
    expect(x).toBeGreaterThanOrEqual(64);
    expect(x).toBeLessThanOrEqual(740);
    expect(y).toBeGreaterThanOrEqual(34);
    expect(y).toBeLessThanOrEqual(206);
  }
  expect(points[0]![1]).toBeLessThan(points[2]![1]!);
  expect(svg).toContain("convergence at 50");
});
