export { hashUNet } from "./hash-unet.js";
export { type SaveControlNetOptions, saveControlNet } from "./save-control-net.js";
