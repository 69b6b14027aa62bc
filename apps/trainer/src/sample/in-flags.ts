import { ControlNetError, isControlNetError } from "@controlnet-js/core";

/** Options of the library that have a flag of the same name. */
const options = [
  "clipSkip",
  "negativeClipSkip",
  "longPrompts",
  "promptSetting",
  "promptEmbeds",
  "imageGuidance",
  "guidanceRescale",
  "guessMode",
  "tiles",
] as const;
const optionNames = new RegExp(`\\b(${options.join("|")})\\b`, "g");
const functions = /^(textToImage|samplePictures|linkScales): /;

/** What the library says, in the words of the command line. */
export const inFlags = (message: string): string =>
  message
    .replace(functions, "controlnet sample: ")
    .replace(optionNames, (name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);

/** An error of the library in the words of the command line; others as they are. */
export function errorInFlags(error: unknown): unknown {
  if (!isControlNetError(error)) return error;
  const message = inFlags(error.message);
  return message === error.message ? error : new ControlNetError(error.code, message, { cause: error });
}
