import type { Tensor, TensorContainer } from "@tensorflow/tfjs-core";

/** Selects tfjs's plain JavaScript backend: exact enough for value tests, and always there. */
export function useCpuBackend(): Promise<void>;

/** Fails when `body` leaves more or fewer live tensors behind than it found, not counting `kept` that it returns on purpose. */
export function expectNoTensorLeak(body: () => void | Promise<void>): Promise<void>;

/** Fails unless both hold the same shape and every |actual - expected| <= tolerance * max(1, max|expected|). */
export function expectClose(
  actual: Tensor | ArrayLike<number>,
  expected: Tensor | ArrayLike<number>,
  tolerance?: number,
): void;

/**
 * Compares the gradient of sum(weights * f(...inputs)) with central differences, for every input.
 * Inputs should have few elements; float32 limits the agreement to about 1e-2 relative.
 */
export function expectGradients(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: Tensor[],
  options?: { step?: number; tolerance?: number },
): void;
export type { TensorContainer };
