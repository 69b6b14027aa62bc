import type { Image } from "@controlnet-js/core";
import { encodePng } from "@controlnet-js/preprocessors/node";
import sharp, { type OverlayOptions } from "sharp";

/** One row of pictures with the text below it. */
export interface SheetRow {
  images: Image[];
  caption: string;
}

/** What XML 1.0 has no place for, not even as a reference: controls, halves of a character, U+FFFE. */
const notXml = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu;

/** A text as XML shows it; what XML has no place for becomes U+FFFD. */
const escapeXml = (text: string): string =>
  text.replace(notXml, "\ufffd").replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** Characters of a caption that are shown; a text encoder reads fewer. */
const longestCaption = 600;
const shortened = (text: string): string =>
  text.length > longestCaption ? `${text.slice(0, longestCaption)} ...` : text;

/** Words in lines of at most `length` characters, as far as the words allow. */
function wrap(text: string, length: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines[lines.length - 1];
    if (last !== undefined && last.length + 1 + word.length <= length)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Lines of text, centred. */
function label(
  lines: readonly string[],
  width: number,
  height: number,
  size: number,
  weight = "normal",
): OverlayOptions["input"] {
  const spans = lines.map(
    (line, i) => `<tspan x="${width / 2}" dy="${i === 0 ? 0 : 1.25 * size}">${escapeXml(line)}</tspan>`,
  );
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><text y="${1.3 * size}" ` +
      `font-family="sans-serif" font-size="${size}" font-weight="${weight}" fill="#222" text-anchor="middle">${spans.join("")}</text></svg>`,
  );
}

/** A map as it is shown: the first three channels of more, one channel as grey. */
function shown({ data, width, height, channels }: Image): Image {
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++)
    for (let c = 0; c < 3; c++) rgb[i * 3 + c] = data[i * channels + Math.min(c, channels - 1)]!;
  return { data: rgb, width, height, channels: 3 };
}

/**
 * A PNG of rows of pictures side by side, with a heading above each column and each row's caption below it.
 * @param columns rows stand in so many columns of the sheet
 */
export async function contactSheet(
  headings: readonly string[],
  rows: readonly SheetRow[],
  columns = 2,
): Promise<Buffer> {
  const first = rows[0]!.images[0]!;
  const gap = 6;
  const captionSize = 12;
  const headingHeight = 26;
  const rowWidth = headings.length * (first.width + gap) - gap;
  const captions = rows.map(({ caption }) =>
    wrap(shortened(caption), Math.floor(rowWidth / (0.56 * captionSize))),
  );
  const captionHeight = 8 + 1.25 * captionSize * Math.max(...captions.map((lines) => lines.length));
  const perColumn = Math.ceil(rows.length / columns);
  const width = columns * rowWidth + (columns + 1) * 3 * gap;
  const height = headingHeight + perColumn * (first.height + captionHeight) + gap;
  const parts: OverlayOptions[] = [];
  const lefts = Array.from({ length: columns }, (_, column) => 3 * gap + column * (rowWidth + 3 * gap));
  for (const left of lefts)
    headings.forEach((heading, i) => {
      parts.push({
        input: label([heading], first.width, headingHeight, 13, "bold"),
        left: left + i * (first.width + gap),
        top: 0,
      });
    });
  for (const [i, row] of rows.entries()) {
    const left = lefts[Math.floor(i / perColumn)]!;
    const top = headingHeight + (i % perColumn) * (first.height + captionHeight);
    for (const [j, image] of row.images.entries())
      parts.push({ input: await encodePng(shown(image)), left: left + j * (first.width + gap), top });
    parts.push({
      input: label(captions[i]!, rowWidth, captionHeight, captionSize),
      left,
      top: top + first.height,
    });
  }
  return sharp({ create: { width, height, channels: 3, background: "#ffffff" } })
    .composite(parts)
    .png()
    .toBuffer();
}
