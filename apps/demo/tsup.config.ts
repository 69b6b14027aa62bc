import { preset } from "@controlnet-js/tsup-preset";

export default preset({ entry: { server: "src/main.ts" }, format: ["esm"], dts: false, clean: false });
