export { type EngineName, engineNames, type SelectedEngine, type SelectEngineOptions, selectEngine } from "./select-engine.js";
