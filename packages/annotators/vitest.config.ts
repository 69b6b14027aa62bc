import { preset } from "@controlnet-js/vitest-preset";

// Networks of their real size: all their weights are made and run.
export default preset({ testTimeout: 300_000 });
