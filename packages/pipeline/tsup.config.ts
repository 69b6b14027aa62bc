import { preset } from "@controlnet-js/tsup-preset";

export default preset({ entry: { index: "src/index.ts" } });
