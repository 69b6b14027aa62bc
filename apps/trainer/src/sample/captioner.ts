import type { Captioner } from "@controlnet-js/pipeline";
import type { SampleParameters } from "./sample-parameters.js";

/**
 * Opens the captioner of the automatic prompt, where the parameters name one.
 * @throws ControlNetError as `openCaptioner`
 */
export async function openCaptionerOf({
  captioner: folder,
}: SampleParameters): Promise<{ run: Captioner; dispose(): void } | undefined> {
  if (folder === undefined) return undefined;
  const { openCaptioner } = await import("@controlnet-js/annotators/node");
  const opened = await openCaptioner(folder);
  return { run: (picture) => opened(picture), dispose: () => opened.dispose() };
}
