import { preset } from "@controlnet-js/tsup-preset";

export default preset();
