import { type ByteImage, blankImage, resize } from "@controlnet-js/preprocessors";

/** A picture inside a square, and the way back. */
export interface FittedPicture {
  image: ByteImage;
  /** The place in the picture, in its pixels, of a place in parts of the square; at most on the picture's border. */
  toPicture(x: number, y: number): { x: number; y: number };
}

/** The whole picture in the middle of a black square, its shape kept: how MoveNet was trained to see. */
export function fitInside(picture: ByteImage, side: number): FittedPicture {
  const scale = side / Math.max(picture.width, picture.height);
  const width = Math.max(1, Math.round(picture.width * scale));
  const height = Math.max(1, Math.round(picture.height * scale));
  const sized = resize(picture, width, height, scale < 1 ? "area" : "bilinear");
  const left = (side - width) >> 1;
  const top = (side - height) >> 1;
  const image = blankImage(side, side, 3);
  for (let y = 0; y < height; y++)
    image.data.set(sized.data.subarray(y * width * 3, (y + 1) * width * 3), ((top + y) * side + left) * 3);
  const within = (value: number, size: number) => Math.min(Math.max(value, 0), size - 1);
  return {
    image,
    toPicture: (x, y) => ({
      x: within(((x * side - left) * picture.width) / width, picture.width),
      y: within(((y * side - top) * picture.height) / height, picture.height),
    }),
  };
}
