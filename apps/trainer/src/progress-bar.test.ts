import { afterEach, expect, test, vi } from "vitest";
import { createProgressBar, formatDuration } from "./progress-bar.js";

afterEach(() => {
  vi.useRealTimers();
});

test("durations are told as people say them", () => {
  expect([8, 190, 3720].map(formatDuration)).toEqual(["8 s", "3 min 10 s", "1 h 02 min"]);
});

test("a resumed run's time left counts its own steps only", () => {
  vi.useFakeTimers();
  const lines: string[] = [];
  const stream = { isTTY: false, write: (text: string) => lines.push(text) } as unknown as NodeJS.WriteStream;
  const bar = createProgressBar(stream, 0);
  vi.setSystemTime(1_000_000);
  bar.update(2000, 2100, "training");
  vi.setSystemTime(1_010_000);
  bar.update(2010, 2100, "training");
  expect(lines).toEqual(["2000/2100 · training\n", "2010/2100 · training · 1 min 30 s left\n"]);
});

test("a bar never wraps: what is too long for the terminal is cut off", () => {
  const lines: string[] = [];
  const write = (text: string) => lines.push(text);
  const bar = createProgressBar({ isTTY: true, columns: 40, write } as unknown as NodeJS.WriteStream);
  bar.update(1, 2, "0.52 steps/s and a lot more to tell");
  bar.update(2, 2, "0.52 steps/s and a lot more to tell");
  expect(lines).toEqual([
    `${"█".repeat(12)}${"░".repeat(12)} 1/2 · 0.52 ste`,
    "\r\x1b[K",
    expect.stringMatching(/^.{39}$/),
  ]);
});
