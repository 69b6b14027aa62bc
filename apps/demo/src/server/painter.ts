import { ControlNetError, type Image } from "@controlnet-js/core";
import { type CompiledPipeline, compilePipeline, latentFactor, type Pipeline } from "@controlnet-js/pipeline";
import { type LoadedControlNet, pngWithText } from "@controlnet-js/pipeline/node";
import sharp from "sharp";
import { decodeMap, type GenerateRequest } from "./generate-request.js";

/** What the page is told while a picture appears. */
export type PaintEvent =
  | { kind: "step"; step: number; steps: number; preview: string }
  | { kind: "done"; picture: string; warnings: string[] };

/** Paints one picture at a time with a loaded model. */
export interface Painter {
  /** Sides of the pictures, in pixels. */
  readonly size: { width: number; height: number };
  /** Whether a ControlNet is there. */
  readonly controlled: boolean;
  readonly busy: boolean;
  /**
   * Paints and reports each step.
   * @throws ControlNetError `state` while another picture is painted, `config` for a map without a ControlNet
   */
  paint(request: GenerateRequest, report: (event: PaintEvent) => void, signal: AbortSignal): Promise<void>;
  dispose(): void;
}

const pngOf = (image: Image) =>
  sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } }).png();

const address = (bytes: Buffer) => `data:image/png;base64,${bytes.toString("base64")}`;

/** A painter on a pipeline and, where there is one, a ControlNet; it does not own their parameters. */
export function createPainter(pipeline: Pipeline, net: LoadedControlNet | undefined): Painter {
  const compiled: CompiledPipeline = compilePipeline(pipeline);
  const side = pipeline.unet.config.sampleSize * latentFactor(pipeline);
  const size = { width: side, height: side };
  let busy = false;
  return {
    size,
    controlled: net !== undefined,
    get busy() {
      return busy;
    },
    async paint(request, report, signal) {
      if (busy)
        throw new ControlNetError("state", "another picture is being painted; wait for it or cancel it");
      if (request.map && !net)
        throw new ControlNetError(
          "config",
          "there is no ControlNet yet: run `npm start` to train one, then start the page again",
        );
      busy = true;
      try {
        const map = request.map && net ? await decodeMap(request.map, size) : undefined;
        const { images, latents, applied } = await compiled.textToImage({
          ...size,
          prompts: [request.prompt],
          negativePrompt: request.negativePrompt,
          controls:
            map && net ? [{ params: net.params, config: net.config, map, strength: request.strength }] : [],
          steps: request.steps,
          guidance: request.guidance,
          seed: request.seed,
          signal,
          async onStep({ step, steps, preview }) {
            const [picture] = await preview();
            report({
              kind: "step",
              step: step + 1,
              steps,
              preview: address(await pngOf(picture!).toBuffer()),
            });
          },
        });
        latents.dispose();
        const { map: _, ...parameters } = request;
        const details = JSON.stringify({ ...parameters, applied });
        const png = pngWithText(await pngOf(images[0]!).toBuffer(), "parameters", details);
        report({ kind: "done", picture: address(png), warnings: applied.warnings });
      } finally {
        busy = false;
      }
    },
    dispose: () => compiled.dispose(),
  };
}
