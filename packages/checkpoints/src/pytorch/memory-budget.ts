import { ControlNetError } from "@controlnet-js/core";

/** What any file may take, however small it is; below this nothing is worth refusing. */
const allowance = 16 * 2 ** 20;

/** Bytes of values on V8's heap: a container or call, a reference in a container, a text's header, a memo entry. */
export const cost = { object: 56, slot: 8, text: 24, memo: 32, tensor: 128 } as const;

/**
 * Counts the memory that reading a file takes, freed or not, so work is bounded with it: at most twice the
 * file's size and 16 MiB. Files of `torch.save` take less than half of it.
 */
export class MemoryBudget {
  /** Bytes taken so far. */
  spent = 0;
  readonly limit: number;

  constructor(
    private readonly fileSize: number,
    private readonly where: string,
  ) {
    this.limit = 2 * fileSize + allowance;
  }

  /**
   * Takes memory, before it is allocated.
   * @throws ControlNetError `format` once the file has taken its share
   */
  charge(bytes: number): void {
    this.spent += bytes;
    if (this.spent > this.limit)
      throw new ControlNetError(
        "format",
        `${this.where}: its pickle would take more than ${this.limit} bytes of memory, but the file has ${this.fileSize}; no file of torch.save does`,
      );
  }
}
