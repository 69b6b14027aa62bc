import {
  type Autoencoder,
  type AutoencoderConfig,
  autoencoderConfigFromDiffusers,
  autoencoderConfigToDiffusers,
  autoencoderKeyRows,
  autoencoderKeysOf,
} from "@controlnet-js/autoencoder";
import { exportTree, loadTree } from "@controlnet-js/checkpoints";
import { openWeights, readConfig, saveModelFolder } from "@controlnet-js/checkpoints/node";

/** An autoencoder with its shape. */
export interface AutoencoderModel {
  params: Autoencoder;
  config: AutoencoderConfig;
}

/**
 * Saves an autoencoder as diffusers' `AutoencoderKL.from_pretrained` reads it: written aside, then renamed.
 * @throws ControlNetError `io` where the disk is full or `folder` holds other things than a model
 */
export async function saveAutoencoder(folder: string, { params, config }: AutoencoderModel): Promise<void> {
  const rows = autoencoderKeyRows(config, "diffusers");
  const entries = exportTree(params, rows, { dtype: "F32", where: "saveAutoencoder" });
  await saveModelFolder(folder, autoencoderConfigToDiffusers(config), entries);
}

/**
 * Loads the folder of an AutoencoderKL alone. The caller disposes `params` with `disposeTree`.
 * @throws ControlNetError `io`, `missing`, `format`, `config` or `unsupported`, naming the folder
 */
export function loadAutoencoder(folder: string): AutoencoderModel {
  const config = autoencoderConfigFromDiffusers(readConfig(folder));
  const source = openWeights(folder);
  try {
    const rows = autoencoderKeyRows(config, autoencoderKeysOf(source.names()) ?? "diffusers");
    return { params: loadTree<Autoencoder>(source, rows, { where: `autoencoder ${source.path}` }), config };
  } finally {
    source.close();
  }
}
