import { ControlNetError, type ErrorCode } from "@controlnet-js/core";

/** What a {@link SampleError} is made of; plain data, so that it passes between processes. */
export interface SampleProblem {
  /**
   * `missing` no such file; `format` not a readable PNG, JPEG or WebP; `io` its worker died or took too long;
   * `shape` map and image differ; `range` map values outside the condition's; `data` blank map, empty caption or
   * a path that leaves the folder.
   */
  code: ErrorCode;
  message: string;
  /** The file to look at. */
  file: string;
  /** Whether a run may go on without this sample, as {@link batches} does up to its `maxSkipped`. */
  skippable: boolean;
}

/** A sample that cannot be used; the message names the file. */
export class SampleError extends ControlNetError implements SampleProblem {
  override readonly name: string = "SampleError";
  readonly file: string;
  readonly skippable: boolean;

  constructor(problem: SampleProblem, options?: { cause?: unknown }) {
    super(problem.code, problem.message, options);
    this.file = problem.file;
    this.skippable = problem.skippable;
  }
}
