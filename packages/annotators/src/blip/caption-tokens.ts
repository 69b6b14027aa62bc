import { disposeTree, type Image, jit } from "@controlnet-js/core";
import { type Tensor4D, tensor1d } from "@tensorflow/tfjs-core";
import { type PictureProcessor, processPicture } from "../hugging-face/picture-processor.js";
import type { BlipConfig } from "./config.js";
import { decodeStep, emptyCache, keysOfPicture } from "./decode-step.js";
import { embedPicture } from "./embed-picture.js";
import type { Blip } from "./parameters.js";
import { type Speaker, searchTokens, type TokenSearch } from "./search-tokens.js";

/** Finds the tokens of captions by functions that stay compiled. It does not own the network's parameters. */
export interface TokenCaptioner {
  /**
   * The tokens of an RGB picture's caption, `prompt` first.
   * @throws ControlNetError `shape` for another number of channels
   */
  caption(picture: Image, prompt: readonly number[], search: TokenSearch): Promise<number[]>;
  /** Frees the compiled functions. */
  dispose(): void;
}

/** Makes a network caption: one function sees the picture, one says a token of each beam. */
export function createTokenCaptioner(
  where: string,
  params: Blip,
  config: BlipConfig,
  processor: PictureProcessor,
): TokenCaptioner {
  const see = jit(seePicture, { name: "blip-picture" });
  // The cache is the fourth argument; nobody has a use for the one that a step was given.
  const step = jit(decodeStep, { name: "blip-step", donate: [3] });
  return {
    async caption(picture, prompt, search) {
      const pixels = processPicture(where, picture, processor);
      const keys = see(params, config, pixels);
      pixels.dispose();
      let cache = emptyCache(config.text, search.beams, search.maxLength);
      let logits: ReturnType<typeof step>["logits"] | undefined;
      let position = 0;
      const speaker: Speaker = {
        feed(tokens, order) {
          logits?.dispose();
          const inputs = {
            tokens: tensor1d([...tokens], "int32"),
            order: tensor1d([...order], "int32"),
            position: tensor1d([position++], "int32"),
          };
          ({ logits, cache } = step(params.decoder, config.text, keys, cache, inputs));
          disposeTree(inputs);
        },
        logits: async () => Float32Array.from(await logits!.data()),
      };
      try {
        return await searchTokens(speaker, prompt, search);
      } finally {
        logits?.dispose();
        disposeTree([keys, cache]);
      }
    },
    dispose() {
      see.dispose();
      step.dispose();
    },
  };
}

const seePicture = ({ vision, decoder }: Blip, config: BlipConfig, pixels: Tensor4D) =>
  keysOfPicture(decoder, config.text, embedPicture(vision, config.vision, pixels));
