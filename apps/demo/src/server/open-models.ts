import { ControlNetError, disposeTree } from "@controlnet-js/core";
import { disposePipeline, type Pipeline, unetTask } from "@controlnet-js/models";
import { type OpenedControlNet, openControlNet, openPipeline } from "@controlnet-js/models/node";
import { assertControlFits } from "@controlnet-js/pipeline";
import { weightsFolder } from "@controlnet-js/tinyworld/node";

/** What the page paints with, as it was asked for. */
export interface ModelRequest {
  /** `"tinyworld"`, a diffusers folder or a single file. */
  model: string;
  /** A ControlNet's folder or file; none where it is undefined. */
  control: string | undefined;
  /** The folder of a single file's tokenizer; else looked for beside it. */
  tokenizer: string | undefined;
  log: (line: string) => void;
}

/**
 * Opens the base model and the ControlNet in any published form; the caller disposes their parameters.
 * @throws ControlNetError as `openPipeline` and `openControlNet`; `config` where the two don't fit; `unsupported` for models
 * for inpainting or editing, which need a picture that the page does not ask for
 */
export async function openModels({
  model,
  control,
  tokenizer,
  log,
}: ModelRequest): Promise<{ pipeline: Pipeline; net: OpenedControlNet | undefined }> {
  const pipeline = await openPipeline(model === "tinyworld" ? weightsFolder() : model, {
    ...(tokenizer !== undefined && { tokenizer }),
    log,
  });
  let net: OpenedControlNet | undefined;
  try {
    if (unetTask(pipeline) !== "paint")
      throw new ControlNetError(
        "unsupported",
        `${model} is a model for ${unetTask(pipeline) === "inpaint" ? "inpainting" : "editing"}, which the page does not do; ` +
          "controlnet sample does",
      );
    if (control === undefined) return { pipeline, net: undefined };
    net = await openControlNet(control, { base: pipeline.unet, log });
    assertControlFits(pipeline, net, { control, base: model });
    return { pipeline, net };
  } catch (error) {
    disposePipeline(pipeline);
    if (net) disposeTree(net);
    throw error;
  }
}
