import { preset } from "@controlnet-js/vitest-preset";

export default preset();
