import { preset } from "@controlnet-js/vitest-preset";

export default preset({ testTimeout: 120_000, hookTimeout: 120_000 });
