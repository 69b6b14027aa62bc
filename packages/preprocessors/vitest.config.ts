import { preset } from "@controlnet-js/vitest-preset";

export default preset({ include: ["src/**/*.test.ts", "scripts/**/*.test.ts"] });
