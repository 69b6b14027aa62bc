import { setImmediate } from "node:timers/promises";
import { ControlNetError, type Image } from "@controlnet-js/core";
import { latentFactor, type Pipeline } from "@controlnet-js/models";
import type { OpenedControlNet } from "@controlnet-js/models/node";
import { type CompiledPipeline, compilePipeline } from "@controlnet-js/pipeline";
import { pngWithText } from "@controlnet-js/preprocessors/node";
import sharp from "sharp";
import { decodeMap, type GenerateRequest } from "./generate-request.js";

/** A checked request with its map decoded. */
export type PaintOrder = Omit<GenerateRequest, "map"> & { map: Image | undefined };

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
   * Decodes the map of a request.
   * @throws ControlNetError `config` for a map without a ControlNet, `data` or `shape` for a map that does not fit
   */
  prepare(request: GenerateRequest): Promise<PaintOrder>;
  /**
   * Paints and reports each step.
   * @throws ControlNetError `state` while another picture is painted; `aborted`
   */
  paint(order: PaintOrder, report: (event: PaintEvent) => void, signal: AbortSignal): Promise<void>;
  dispose(): void;
}

const pngOf = (image: Image) =>
  sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } }).png();

const address = (bytes: Buffer) => `data:image/png;base64,${bytes.toString("base64")}`;

/** A painter on a pipeline and, where there is one, a ControlNet; it does not own their parameters. */
export function createPainter(pipeline: Pipeline, net: OpenedControlNet | undefined): Painter {
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
    async prepare({ map, ...settings }) {
      if (map && !net)
        throw new ControlNetError(
          "config",
          "there is no ControlNet yet: run `npm start` to train one, then start the page again",
        );
      return { ...settings, map: map ? await decodeMap(map, size) : undefined };
    },
    async paint({ map, ...settings }, report, signal) {
      if (busy) throw new ControlNetError("state", "another picture is being painted");
      busy = true;
      try {
        const { prompt, strength, ...options } = settings;
        const { images, latents, applied } = await compiled.textToImage({
          ...size,
          ...options,
          prompts: [prompt],
          controls: map && net ? [{ net, map, strength }] : [],
          signal,
          async onStep({ step, steps, preview }) {
            const [picture] = await preview();
            report({
              kind: "step",
              step: step + 1,
              steps,
              preview: address(await pngOf(picture!).toBuffer()),
            });
            // The engine may hold the thread through the next step: let this one go out, and a cancellation come in.
            await setImmediate();
          },
        });
        latents.dispose();
        const png = await pngOf(images[0]!).toBuffer();
        const parameters = JSON.stringify({ ...settings, applied });
        const picture = address(pngWithText(png, "parameters", parameters));
        report({ kind: "done", picture, warnings: applied.warnings });
      } finally {
        busy = false;
      }
    },
    dispose: () => compiled.dispose(),
  };
}
