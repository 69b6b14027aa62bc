/** A network with its weights loaded; `dispose` frees them, after which it must not be called. */
export type Opened<N> = N & { dispose(): void };

/** Joins a network's function and what frees its weights. */
export const opened = <N extends object>(network: N, dispose: () => void): Opened<N> =>
  Object.assign(network, { dispose });
