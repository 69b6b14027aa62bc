export { type EdgeScore, edgeF1 } from "./edge-f1.js";
