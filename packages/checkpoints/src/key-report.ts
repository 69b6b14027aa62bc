import { ControlNetError } from "@controlnet-js/core";

/** A tensor that is there, but not as the model needs it. Names carry the prefix. */
export interface Mismatch {
  key: string;
  /** E.g. `F32 [320, 4, 3, 3]`. */
  expected: string;
  found: string;
}

/** What did not fit between a file and a model. */
export interface KeyReport {
  /** Names that the model needs and the file lacks. */
  missing: string[];
  /** Names of the file that the model has no place for. */
  unused: string[];
  /** Tensors of another shape or type than the model's. */
  mismatched: Mismatch[];
}

/** Whether everything fitted. */
export const isCleanReport = ({ missing, unused, mismatched }: KeyReport): boolean =>
  missing.length + unused.length + mismatched.length === 0;

const shown = 12;

const list = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0
    ? []
    : [
        `  ${title} (${lines.length}):`,
        ...lines.slice(0, shown).map((line) => `    ${line}`),
        ...(lines.length > shown ? [`    ... and ${lines.length - shown} more`] : []),
      ];

/** The report as indented lines, each list cut after its first entries. */
export function describeReport({ missing, unused, mismatched }: KeyReport): string {
  const differing = mismatched.map(
    ({ key, expected, found }) => `${key}: expected ${expected}, found ${found}`,
  );
  return [...list("missing", missing), ...list("unused", unused), ...list("mismatched", differing)].join(
    "\n",
  );
}

/** Thrown where a file does not hold what a model needs; `report` has the full lists. */
export class KeyReportError extends ControlNetError {
  readonly report: KeyReport;

  constructor(message: string, report: KeyReport) {
    super("format", message);
    this.report = report;
  }
}
