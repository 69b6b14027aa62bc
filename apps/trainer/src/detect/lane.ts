/** Runs what it is given one after another, in order. */
export type Lane = <T>(task: () => T | Promise<T>) => Promise<T>;

/** A lane of its own: whatever fails in it does not hold up what comes next. */
export function createLane(): Lane {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const next = last.then(task);
    last = next.catch(() => undefined);
    return next;
  };
}
