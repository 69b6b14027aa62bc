import { type SelectedEngine, selectEngine } from "@controlnet-js/engine";

/** A line for the user, on stderr: stdout is for results. */
export const print = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/**
 * Selects the engine and says which it is, and why it is no better one.
 * @throws ControlNetError as `selectEngine`
 */
export async function startEngine(name: string): Promise<SelectedEngine> {
  const engine = await selectEngine({ engine: name, log: print });
  print(`Engine: ${engine.description}`);
  for (const reason of engine.reasons) print(`  (${reason})`);
  return engine;
}
