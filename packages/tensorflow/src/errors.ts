import { ControlNetError, type ErrorCode } from "@controlnet-js/core";

/** What TensorFlow said about a failed call. */
export interface TensorFlowFailure {
  /** The op or function that failed. */
  op?: string;
  /** TensorFlow's status code, e.g. 3 for an invalid argument, 8 for exhausted memory. */
  status?: number;
  cause?: unknown;
}

/** A failure of the TensorFlow engine; `op` and `status` say where and of which kind. */
export class TensorFlowError extends ControlNetError {
  override readonly name: string = "TensorFlowError";
  readonly op: string | undefined;
  readonly status: number | undefined;

  constructor(message: string, failure: TensorFlowFailure = {}, code: ErrorCode = "engine") {
    super(code, message, failure.cause === undefined ? undefined : { cause: failure.cause });
    this.op = failure.op;
    this.status = failure.status;
  }
}

/** The addon's exception as a {@link TensorFlowError}; anything else comes back as it is. */
export function asTensorFlowError(error: unknown, where: string, op?: string): unknown {
  if (!(error instanceof Error) || error instanceof ControlNetError) return error;
  const status = (error as Error & { tfCode?: number }).tfCode;
  const code: ErrorCode =
    status === 3 ? "shape" : status === 5 ? "state" : status === 12 ? "unsupported" : "engine";
  return new TensorFlowError(`${where}: ${error.message}`, { op, status, cause: error }, code);
}
