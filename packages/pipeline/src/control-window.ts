import { ControlNetError } from "@controlnet-js/core";

/**
 * Whether a net works in model call `call` of `calls`: not where `call / calls < start` or `(call + 1) / calls > end`
 * (diffusers' rule).
 */
export const isInWindow = (call: number, calls: number, start: number, end: number): boolean =>
  !(call / calls < start || (call + 1) / calls > end);

/**
 * Checks a window.
 * @throws ControlNetError `range` unless 0 <= start < end <= 1
 */
export function assertWindow(where: string, start: number, end: number): void {
  if (!(start >= 0 && start < end && end <= 1))
    throw new ControlNetError("range", `${where}: expected 0 <= start < end <= 1, got ${start} and ${end}`);
}
