import { Command } from "commander";
import { expect, test } from "vitest";
import { addControlOptions } from "./control-arguments.js";

const parse = (line: string) => {
  const command = new Command("sample").exitOverride().configureOutput({ writeErr: () => undefined });
  const controls = addControlOptions(command);
  command.option("--prompt <text>");
  command.parse(line.split(" "), { from: "user" });
  return { controls, prompt: command.opts().prompt };
};

test("each --control takes the options after it", () => {
  const line =
    "--prompt castle --control a --image photo.png --strength 0.5 --control=b --map edges.png --end=0.6 --condition canny";
  expect(parse(line)).toEqual({
    controls: [
      { path: "a", image: "photo.png", strength: 0.5, start: 0, end: 1 },
      { path: "b", map: "edges.png", condition: "canny", strength: 1, start: 0, end: 0.6 },
    ],
    prompt: "castle",
  });
});

test("misplaced and bad options are named", () => {
  expect(() => parse("--map x.png")).toThrow(/--map.*belongs after the --control/);
  expect(() => parse("--control a --strength strong")).toThrow(/--strength.*number in \[0, 10\]/);
  expect(() => parse("--control a --end 1.5")).toThrow(/--end.*number in \[0, 1\]/);
  expect(() => parse("--control a --map x.png --map y.png")).toThrow(/--map was given to this --control/);
  expect(() => parse("--control a --option low=1 --option low=2")).toThrow(
    /--option <key=value>.*"low" was given to this --control before/,
  );
  expect(parse("--control a --option low=1 --control b --option low=2").controls).toHaveLength(2);
  expect(() => parse("--control")).toThrow(/--control <path>.*argument missing/);
});
