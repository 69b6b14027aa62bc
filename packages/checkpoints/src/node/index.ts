export { readConfig, writeConfig } from "./config-file.js";
export { hashModel, hashTensor } from "./hash.js";
export { openCheckpoint } from "./open-checkpoint.js";
export { openPytorch } from "./open-checkpoint-file.js";
export { type OpenSource, openSafetensors } from "./open-safetensors.js";
export { type FoundWeights, openShards, openWeights, weightNames } from "./open-weights.js";
export { type ReplaceFolderOptions, replaceFolder } from "./replace-folder.js";
export { type SaveFolderOptions, saveModelFolder } from "./save-model-folder.js";
export { type SaveOptions, saveSafetensors } from "./save-safetensors.js";
