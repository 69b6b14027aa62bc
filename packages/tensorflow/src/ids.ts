/** Tensor ids from here on stand for values of a graph that is being recorded. */
export const firstSymbolicId = 2 ** 40;

/** Tensor ids from here on stand for the contents of a resource variable. */
export const firstVariableId = 2 ** 41;

export const isSymbolicId = (id: number): boolean => id >= firstSymbolicId && id < firstVariableId;
export const isVariableId = (id: number): boolean => id >= firstVariableId;
