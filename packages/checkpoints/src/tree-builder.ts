import { ControlNetError } from "@controlnet-js/core";

interface Branch<T> {
  children: Map<string, Branch<T> | { leaf: T }>;
}

const isIndex = (key: string): boolean => /^(0|[1-9]\d*)$/.test(key);

/**
 * Nested objects and arrays of the given leaves. A branch whose keys are all numbers is an array; an index
 * that no path names stays undefined.
 * @throws ControlNetError `config` for a path that is a leaf and a branch, or a far-off array index
 */
export function buildTree<T>(leaves: Iterable<readonly [path: string, leaf: T]>, where: string): unknown {
  const root: Branch<T> = { children: new Map() };
  let count = 0;
  for (const [path, leaf] of leaves) {
    count++;
    const keys = path.split(".");
    const last = keys.pop()!;
    let at = root;
    for (const key of keys) {
      let child = at.children.get(key);
      if (!child) at.children.set(key, (child = { children: new Map() }));
      if ("leaf" in child) return clash(where, path);
      at = child;
    }
    if (at.children.has(last)) return clash(where, path);
    at.children.set(last, { leaf });
  }
  return grow(root, count + 10_000, where);
}

function grow<T>(branch: Branch<T>, indexLimit: number, where: string): unknown {
  const entries = [...branch.children].map(
    ([key, child]) => [key, "leaf" in child ? child.leaf : grow(child, indexLimit, where)] as const,
  );
  if (entries.length === 0 || !entries.every(([key]) => isIndex(key))) return Object.fromEntries(entries);
  const length = 1 + Math.max(...entries.map(([key]) => Number(key)));
  if (length > indexLimit)
    throw new ControlNetError("config", `${where}: array index ${length - 1} is too large`);
  const list: unknown[] = new Array(length).fill(undefined);
  for (const [key, value] of entries) list[Number(key)] = value;
  return list;
}

const clash = (where: string, path: string): never => {
  throw new ControlNetError("config", `${where}: path "${path}" stands where another leaf or branch is`);
};
