import { appendFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { readRegularFile } from "@controlnet-js/checkpoints/node";
import { ControlNetError } from "@controlnet-js/core";
import { figureTitles } from "@controlnet-js/metrics";
import { convergenceStep } from "@controlnet-js/training";
import { columnOf } from "./adherence.js";
import { replaceFile } from "./files/replace-file.js";
import { lineChart } from "./line-chart.js";

/** The numbers of one step or validation, in columns. */
type Row = Record<string, number>;

/** The numbers of a run as CSV files, and their chart. */
export class RunLog {
  readonly #folder: string;
  /** Files that are to be written anew: they lack rows or hold one too many, or, after a full disk, a part of one. */
  readonly #lacking = new Set<string>();
  steps: Row[] = [];
  validations: Row[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Opens the files.
   * @param resumedAt where a resumed run stands: rows of later steps are forgotten; a new run forgets all
   * @throws ControlNetError `io` where the folder can't be written to
   */
  begin(resumedAt?: number): void {
    try {
      this.#open(resumedAt ?? Number.NEGATIVE_INFINITY);
    } catch (cause) {
      const reason = (cause as Error).message;
      throw new ControlNetError(
        "io",
        `controlnet train: can't write to ${this.#folder}: ${reason}; choose another folder by --set output=FOLDER`,
        { cause },
      );
    }
  }

  #open(last: number): void {
    mkdirSync(this.#folder, { recursive: true });
    const read = (name: string) => {
      const path = join(this.#folder, name);
      const rows = readRows(path).filter(({ step }) => step! <= last);
      writeRows(path, rows);
      return rows;
    };
    this.steps = read("steps.csv");
    this.validations = read("validations.csv");
  }

  step(row: Row): void {
    this.#append("steps.csv", this.steps, row);
  }

  /** A validation that a resumed run makes again takes the place of the earlier one, which came after its checkpoint. */
  validation(row: Row): void {
    if (this.validations.at(-1)?.step === row.step) {
      this.validations.pop();
      this.#lacking.add("validations.csv");
    }
    this.#append("validations.csv", this.validations, row);
  }

  #append(name: string, rows: Row[], row: Row): void {
    rows.push(row);
    const path = join(this.#folder, name);
    const whole = rows.length === 1 || this.#lacking.has(name);
    this.#lacking.add(name);
    if (whole) writeRows(path, rows);
    else appendFileSync(path, lineOf(row));
    this.#lacking.delete(name);
  }

  /** The step of sudden convergence so far. */
  convergence(): number | undefined {
    return convergenceStep(
      this.validations.flatMap(({ step, hint_gain }) =>
        hint_gain === undefined ? [] : [{ step: step!, gain: hint_gain }],
      ),
    );
  }

  /** Loss and whatever else the validations measured, as an SVG. */
  chart(): string {
    const convergence = this.convergence();
    const marker = convergence !== undefined && {
      marker: { x: convergence, label: `convergence at ${convergence}` },
    };
    const line = (name: string, key: string, colour: string) => ({
      name,
      colour,
      points: this.validations
        .filter((row) => Number.isFinite(row[key]))
        .map((row) => [row.step!, row[key]!] as const),
    });
    const panels = [
      {
        title: "Training loss",
        series: [{ name: "mean of 20 steps", colour: "#1f77b4", points: smooth(this.steps, 20) }],
        ...marker,
      },
      {
        title: "Held-out loss",
        series: [
          line("right map", "loss_right_map", "#2ca02c"),
          line("wrong map", "loss_wrong_map", "#d62728"),
          line("held out", "held_out_loss", "#2ca02c"),
        ],
        ...marker,
      },
      {
        title: "Is the hint used? (wrong - right) / wrong",
        series: [line("gain", "hint_gain", "#9467bd")],
        ...marker,
      },
      ...Object.entries(figureTitles).map(([figure, title]) => ({
        title: `Between map and picture: ${title}`,
        series: [line("with control", columnOf(figure), "#ff7f0e")],
        ...marker,
      })),
      { title: "Held-out PSNR, dB", series: [line("restored", "psnr", "#2ca02c")] },
      { title: "Main objects of the right colour", series: [line("share", "colour_right", "#ff7f0e")] },
    ];
    const measured = panels.map(({ series, ...panel }) => ({
      ...panel,
      series: series.filter(({ points }) => points.length > 0),
    }));
    return lineChart(
      measured.filter(({ series }) => series.length > 0),
      "step",
    );
  }
}

function smooth(rows: readonly Row[], size: number): (readonly [number, number])[] {
  const points: (readonly [number, number])[] = [];
  for (let i = 0; i < rows.length; i += size) {
    const part = rows.slice(i, i + size);
    points.push([part[part.length - 1]!.step!, part.reduce((sum, row) => sum + row.loss!, 0) / part.length]);
  }
  return points;
}

/** Bytes of the largest file of rows that is read: ten million steps have less. */
const ROWS_LIMIT = 2 ** 30;

function readRows(path: string): Row[] {
  if (!existsSync(path)) return [];
  const text = readRegularFile(path, ROWS_LIMIT).toString("utf8");
  // A row without its end is one that was cut off.
  const [head, ...lines] = text.slice(0, Math.max(0, text.lastIndexOf("\n"))).split("\n");
  if (!head) return [];
  const keys = head.split(",");
  return lines.map((line) =>
    Object.fromEntries(line.split(",").map((value, i) => [keys[i]!, Number(value)])),
  );
}

const lineOf = (row: Row): string => `${Object.values(row).join(",")}\n`;

function writeRows(path: string, rows: readonly Row[]): void {
  const head = rows[0] ? `${Object.keys(rows[0]).join(",")}\n` : "";
  replaceFile(path, head + rows.map(lineOf).join(""));
}
