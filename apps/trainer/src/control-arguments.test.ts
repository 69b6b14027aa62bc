import { expect, test } from "vitest";
import { takeControls } from "./control-arguments.js";

test("each --control takes the options after it", () => {
  const args =
    "--prompt castle --control a --image photo.png --strength 0.5 --control=b --map edges.png --end=0.6 --seed 3";
  expect(takeControls(args.split(" "))).toEqual({
    controls: [
      { folder: "a", image: "photo.png", strength: 0.5, start: 0, end: 1 },
      { folder: "b", map: "edges.png", strength: 1, start: 0, end: 0.6 },
    ],
    rest: ["--prompt", "castle", "--seed", "3"],
  });
});

test("misplaced and bad options are named", () => {
  expect(() => takeControls(["--map", "x.png"])).toThrow(/--map belongs after the --control/);
  expect(() => takeControls(["--control", "a", "--strength", "strong"])).toThrow(
    /--strength expects a number in \[0, 10\]/,
  );
  expect(() => takeControls(["--control"])).toThrow(/--control needs a value/);
});
