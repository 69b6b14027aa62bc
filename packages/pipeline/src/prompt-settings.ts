import { ControlNetError, type Image } from "@controlnet-js/core";
import type { CompiledPipeline } from "./compile-pipeline.js";
import type { TextToImageOptions } from "./text-to-image-options.js";

/**
 * The paper's prompt settings (section 4.1): `"none"`, the empty prompt; `"default"`, {@link defaultPrompt};
 * `"automatic"`, a caption of what the default prompt gives, from which the picture is made again; `"user"`.
 */
export type PromptSetting = "none" | "default" | "automatic" | "user";

/** The known values of {@link PromptSetting}. */
export const promptSettings = [
  "none",
  "default",
  "automatic",
  "user",
] as const satisfies readonly PromptSetting[];

/** The paper's default prompt. */
export const defaultPrompt = "a professional, detailed, high-quality image";

/** Says in words what is in an 8-bit RGB picture. */
export type Captioner = (picture: Image) => string | Promise<string>;

/**
 * The options with their prompts by the named setting. `"automatic"` runs once with the default prompt; the second run
 * begins with the same noise.
 * @throws ControlNetError `config` for an unknown setting or prompts that it does not take, `missing` without captioner
 */
export async function settlePrompts(
  compiled: CompiledPipeline,
  { promptSetting, captioner, ...options }: TextToImageOptions,
): Promise<TextToImageOptions> {
  if (promptSetting === undefined || promptSetting === "user") return options;
  if (!promptSettings.includes(promptSetting))
    throw new ControlNetError(
      "config",
      `textToImage: expected promptSetting ${promptSettings.join(", ")}, got "${promptSetting}"`,
    );
  if (options.prompts || options.promptEmbeds)
    throw new ControlNetError(
      "config",
      `textToImage: promptSetting "${promptSetting}" makes the prompts itself; leave prompts and promptEmbeds out`,
    );
  const count = options.indices?.length ?? options.noise?.shape[0] ?? 1;
  const all = (prompt: string) => Array.from({ length: count }, () => prompt);
  if (promptSetting === "none") return { ...options, prompts: all("") };
  const first: TextToImageOptions = { ...options, prompts: all(defaultPrompt) };
  if (promptSetting === "default") return first;
  if (!captioner)
    throw new ControlNetError("missing", 'textToImage: promptSetting "automatic" needs a captioner');
  const { onStep: _, ...silent } = first;
  const { images, latents } = await compiled.textToImage(silent);
  latents.dispose();
  const prompts: string[] = [];
  for (const picture of images) prompts.push(await captioner(picture));
  return { ...options, prompts };
}
