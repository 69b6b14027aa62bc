import { preset } from "@controlnet-js/vitest-preset";

// The first hook loads the whole of tfjs, which takes long on a busy machine.
export default preset({ hookTimeout: 60_000 });
