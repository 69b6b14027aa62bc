// One engine
export {
  type EngineName,
  engineNames,
  type SelectEngineOptions,
  type SelectedEngine,
  selectEngine,
} from "./select-engine.js";

// Several processes
export { type JoinGroupOptions, joinGroup } from "./join-group.js";
