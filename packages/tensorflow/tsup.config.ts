import { preset } from "@controlnet-js/tsup-preset";

export default preset({ entry: ["src/index.ts", "src/cli.ts"] });
