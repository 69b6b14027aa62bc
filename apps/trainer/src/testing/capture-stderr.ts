import { vi } from "vitest";

/**
 * Catches what is written to the standard error until mocks are restored.
 * @returns gives all of it so far
 */
export function captureStderr(): () => string {
  let written = "";
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    written += String(text);
    return true;
  });
  return () => written;
}
