import { availableParallelism } from "node:os";
import type { EngineName } from "@controlnet-js/engine";
import type { Command } from "commander";
import { namedByUser } from "../conditions/condition-name.js";
import { number } from "../numbers.js";
import { type DetectFlags, detect } from "./detect.js";
import { networkLines } from "./list-conditions.js";

const collect = (value: string, before: string[]): string[] => [...before, value];
const pixels = number(64, 4096, { whole: true });
const resolution = (text: string): number | "picture" => (text === "picture" ? text : pixels(text));
/** Those of `@controlnet-js/engine`, which is loaded with a network only. */
const engines = [
  "auto",
  "tensorflow",
  "tensorflow-gpu",
  "tensorflow-cpu",
  "wasm",
  "cpu",
] satisfies EngineName[];

/** Adds `controlnet detect`: control maps of a picture, of a folder, or of a pose as data. */
export function addDetectCommand(program: Command): void {
  program
    .command("detect")
    .description("make the control map of a picture, of a folder of pictures, or of an OpenPose file")
    .option(
      "--condition <name>",
      "a built-in condition, or your own module, whose code is run: ./my-condition.ts",
      namedByUser,
    )
    .option("--image <file>", "the picture: PNG, JPEG or WebP")
    .option("--from-keypoints <file>", "an OpenPose JSON file to draw instead, as condition pose")
    .option("--out <file>", "where the map goes, a .png of the picture's size or of --size")
    .option(
      "--option <key=value>",
      "an option of the condition; may stand several times",
      collect,
      [] as string[],
    )
    .option(
      "--weights <path>",
      "what the condition's network is read from; part=path for a second file: hand=hand_pose_model.pth",
      collect,
      [] as string[],
    )
    .option(
      "--size <pixels>",
      "resize the picture first: short side of picture and map, both sides to multiples of 64; default: its own size",
      pixels,
    )
    .option(
      "--resolution <pixels>",
      "short side of the picture as the network sees it, or picture for its own size; the map keeps its size; default: --size, else 512",
      resolution,
    )
    .option("--engine <name>", `what runs the network: ${engines.join(", ")}`, "auto")
    .option("--dir <folder>", "a folder of pictures instead, with its subfolders")
    .option("--out-dir <folder>", "where the maps of --dir go")
    .option(
      "--workers <n>",
      "processes for --dir; 0 works in one, as a network always does",
      number(0, 256, { whole: true }),
      availableParallelism(),
    )
    .option(
      "--resume",
      "with --dir: keep maps that are there, whole and made with the same options, size and weights",
      false,
    )
    .option("--json", "print what was found, as JSON: one line a picture", false)
    .option("--list", "show the conditions with their options; with --json, as JSON schemas", false)
    .addHelpText(
      "after",
      `
Networks and their weights:
${networkLines()}
A condition of your own (--condition ./my-condition.js) names the files of its network in its definition and takes
--weights in the same way; it may also come with the network: export const mine = poseCondition.withNetwork(myNetwork).

Sizes: --size is the size of the map, for every condition, and what training sets are made with (detect_resolution and
image_resolution of controlnet_aux, "preprocessor resolution" of the web UI): area when shrinking, Lanczos when enlarging.
The picture is resized first, and a network sees it like that. --resolution is for networks that shall see it at another
size than the map's: what they find is brought back to it.

Examples:
  controlnet detect --condition canny --image photo.jpg --out edges.png --option low=50 --option high=150
  controlnet detect --condition canny --size 512 --dir photos --out-dir maps
  controlnet detect --condition hough --image photo.jpg --out lines.png --json
  controlnet detect --condition pose --from-keypoints people.json --out pose.png
  controlnet detect --condition hed --weights ControlNetHED.pth --image photo.jpg --out edges.png
  controlnet detect --condition pose --weights body_pose_model.pth --weights hand=hand_pose_model.pth \\
    --image people.jpg --out pose.png --json
  controlnet detect --condition ./my-condition.ts --dir photos --out-dir maps --resume
  controlnet detect --list`,
    )
    .action((flags: DetectFlags) => detect(flags));
}
