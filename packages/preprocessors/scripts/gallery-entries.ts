import type { Condition } from "@controlnet-js/core";
import { builtInConditions } from "../src/index.js";
import type { GalleryEntry } from "./gallery-page.js";

/** The files of networks, by condition. */
const WEIGHTS: Readonly<Record<string, string>> = {
  mlsd: "mlsd_large_512_fp32.pth",
  scribble: "ControlNetHED.pth",
  hed: "ControlNetHED.pth",
  softedge: "ControlNetHED.pth",
  lineart: "sk_model.pth",
  pose: "body_pose_model.pth --weights hand=hand_pose_model.pth",
  depth: "models/depth-anything-small-hf",
  normal: "models/dpt-large",
  segmentation: "models/upernet-convnext-small",
};

/** All built-in conditions, in the order of the page. */
export const galleryEntries: readonly GalleryEntry[] = (
  Object.values(builtInConditions) as unknown as Condition[]
).map((condition) => {
  // Lines stay sharp in PNG; JPEG makes pictures small.
  const type = condition.polarity === "white-on-black" ? "png" : "jpg";
  return {
    condition,
    picture: `conditions/${condition.name}.${type}`,
    needsNetwork: !condition.canDetect(),
    ...(WEIGHTS[condition.name] && { weights: WEIGHTS[condition.name] }),
    // By default the map is the picture itself.
    ...(condition.name === "tile" && { shownWith: { factor: 8 } }),
  };
});
