import { preset } from "@controlnet-js/tsup-preset";

export default preset({ entry: ["src/cli.ts"], format: ["esm"], dts: false });
