import { ControlNetError } from "@controlnet-js/core";
import { runSettings, settled } from "./run-settings.js";
import type { TextToImageOptions, TextToImageResult } from "./text-to-image-options.js";

/** The paper's default prompt. */
export const defaultPrompt = "a professional, detailed, high-quality image";

/**
 * The options with their prompts by the named setting. `"automatic"` runs once with the default prompt; the second run
 * begins with the same noise.
 * @throws ControlNetError `config` for an unknown setting or prompts that it does not take, `missing` without captioner
 */
export async function settlePrompts(
  run: (options: TextToImageOptions) => Promise<TextToImageResult>,
  { promptSetting, captioner, ...options }: TextToImageOptions,
): Promise<TextToImageOptions> {
  if (promptSetting === undefined || promptSetting === "user") return options;
  settled("textToImage", runSettings.pick({ promptSetting: true }), { promptSetting });
  if (options.prompts || options.promptEmbeds)
    throw new ControlNetError(
      "config",
      `textToImage: promptSetting "${promptSetting}" makes the prompts itself; leave prompts and promptEmbeds out`,
      { option: "promptSetting" },
    );
  const count = options.indices?.length ?? options.noise?.shape[0] ?? 1;
  const all = (prompt: string) => Array.from({ length: count }, () => prompt);
  if (promptSetting === "none") return { ...options, prompts: all("") };
  const first: TextToImageOptions = { ...options, prompts: all(defaultPrompt) };
  if (promptSetting === "default") return first;
  if (!captioner)
    throw new ControlNetError("missing", 'textToImage: promptSetting "automatic" needs a captioner', {
      option: "captioner",
    });
  const { onStep: _, ...silent } = first;
  const { images, latents } = await run(silent);
  latents.dispose();
  const prompts: string[] = [];
  for (const picture of images) prompts.push(await captioner(picture));
  return { ...options, prompts };
}
