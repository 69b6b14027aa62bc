import { type SelectedEngine, selectEngine } from "@controlnet-js/engine";
import { print } from "./print.js";

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
