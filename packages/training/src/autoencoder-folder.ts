import {
  type Autoencoder,
  type AutoencoderParams,
  autoencoderConfigFromDiffusers,
  autoencoderConfigToDiffusers,
  autoencoderKeyRows,
  autoencoderKeysOf,
} from "@controlnet-js/autoencoder";
import { exportTree, loadTree } from "@controlnet-js/checkpoints";
import { openWeights, readConfig, saveModelFolder } from "@controlnet-js/checkpoints/node";

/**
 * Saves an autoencoder as diffusers' `AutoencoderKL.from_pretrained` reads it: written aside, then renamed.
 * @throws ControlNetError `io` where the disk is full or `folder` holds other things than a model
 */
export async function saveAutoencoder(folder: string, { params, config }: Autoencoder): Promise<void> {
  const rows = autoencoderKeyRows(config, "diffusers");
  const entries = exportTree(params, rows, { dtype: "F32", where: "saveAutoencoder" });
  await saveModelFolder(folder, autoencoderConfigToDiffusers(config), entries);
}

/**
 * Loads the folder of an AutoencoderKL alone. The caller disposes it with `disposeTree`.
 * @throws ControlNetError `io`, `missing`, `format`, `config` or `unsupported`, naming the folder
 */
export function loadAutoencoder(folder: string): Autoencoder {
  const config = autoencoderConfigFromDiffusers(readConfig(folder));
  const source = openWeights(folder);
  try {
    const rows = autoencoderKeyRows(config, autoencoderKeysOf(source.names()) ?? "diffusers");
    return {
      params: loadTree<AutoencoderParams>(source, rows, { where: `autoencoder ${source.path}` }),
      config,
    };
  } finally {
    source.close();
  }
}
