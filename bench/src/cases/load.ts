import { closeSync, existsSync, mkdirSync, openSync, readSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { exportTree, loadTree } from "@controlnet-js/checkpoints";
import { openSafetensors, saveSafetensors } from "@controlnet-js/checkpoints/node";
import { disposeTree } from "@controlnet-js/core";
import { createUNet, unetConfig, unetKeyRows } from "@controlnet-js/unet";
import type { Case } from "../case.js";
import { quickInitializer } from "../weights.js";

const path = fileURLToPath(new URL("../../../out/bench/unet.safetensors", import.meta.url));
const rows = unetKeyRows(unetConfig(), "diffusers");

/** The whole file into memory of its own. */
function readAll(): void {
  const bytes = new Uint8Array(statSync(path).size);
  const file = openSync(path, "r");
  for (let done = 0; done < bytes.length; )
    done += readSync(file, bytes, done, Math.min(2 ** 30, bytes.length - done), done);
  closeSync(file);
}

function loadUNet(): void {
  const source = openSafetensors(path);
  disposeTree(loadTree(source, rows));
  source.close();
}

/** A U-Net's 3.4 GB, from the system's file cache onto the engine. */
export const load: Case = {
  name: "load",
  title: "SD 1.5 U-Net, 3.4 GB of safetensors, loaded",
  others: ["plain read"],
  calls: 3,
  warmUp: 1,
  rounds: 2,
  goal: { peer: "plain read", time: 1.5 },
  async setUp(_compile, contestant) {
    if (!existsSync(path)) {
      mkdirSync(dirname(path), { recursive: true });
      const params = createUNet(unetConfig(), quickInitializer);
      await saveSafetensors(path, exportTree(params, rows, { dtype: "F32", where: "bench" }));
      disposeTree(params);
    }
    return contestant === "plain read" ? readAll : loadUNet;
  },
};
