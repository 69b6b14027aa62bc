/** Says what kind of mistake an error is; stable across versions, made for `switch`. */
export type ErrorCode =
  | "shape"
  | "range"
  | "config"
  | "missing"
  | "format"
  | "data"
  | "engine"
  | "unsupported"
  | "state"
  | "io"
  | "aborted";

/** What a {@link ControlNetError} may know besides its message. */
export interface ControlNetErrorOptions {
  cause?: unknown;
  option?: string | undefined;
}

const marker = Symbol.for("controlnet-js.error");

/**
 * The base of every error thrown on purpose. `code` tells its kind; the message names the function, what was
 * expected, what came and the way out. Recognise it with {@link isControlNetError}, which also works when two
 * copies of the package are installed.
 */
export class ControlNetError extends Error {
  override readonly name: string = "ControlNetError";
  readonly code: ErrorCode;
  /** The option that it is about, by its name in the function's options: what a command line or a page shows beside it. */
  readonly option?: string;
  readonly [marker] = true;

  constructor(code: ErrorCode, message: string, { option, ...options }: ControlNetErrorOptions = {}) {
    super(message, options);
    this.code = code;
    if (option !== undefined) this.option = option;
  }
}

/** Whether `error` was thrown on purpose by a package of this project. */
export function isControlNetError(error: unknown): error is ControlNetError {
  return typeof error === "object" && error !== null && marker in error;
}

/**
 * Throws a `shape` error unless `shape` fits `expected`, where `null` stands for any size.
 * @param where the function and the thing checked, e.g. `"convolution: input"`
 */
export function assertShape(
  where: string,
  shape: readonly number[],
  expected: readonly (number | null)[],
): void {
  const fits =
    shape.length === expected.length && expected.every((size, i) => size === null || size === shape[i]);
  if (fits) return;
  const wanted = expected.map((size) => size ?? "any").join(", ");
  throw new ControlNetError("shape", `${where}: expected shape [${wanted}], got [${shape.join(", ")}]`);
}

/**
 * What an error says of an unknown name, after "unknown option" or the like: `"hihg", did you mean "high"? (known: low, high)`.
 * @param known what may be given, in the order to list it in
 * @param understood where the nearest is looked for, if more is understood than listed (aliases)
 */
export function unknownName(
  name: unknown,
  known: readonly string[],
  understood: Iterable<string> = known,
): string {
  const list = known.length > 0 ? known.join(", ") : "none";
  return `${JSON.stringify(name) ?? String(name)}${didYouMean(String(name), understood)} (known: ${list})`;
}

/** `, did you mean "high"?` for the nearest of the known names; nothing where none is near. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? "" : `, did you mean "${nearest}"?`;
}

/** The entry of `known` with the smallest edit distance to `name`, or undefined where nothing is near. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  // The work grows with the length, and nothing known is as long.
  if (name.length > 200) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.ceil(name.length / 2)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
