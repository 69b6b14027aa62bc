/** Fills the canvas with paper. */
export function clearDrawing(canvas: HTMLCanvasElement): void {
  const context = contextOf(canvas);
  context.fillStyle = "#dfe6ec";
  context.fillRect(0, 0, canvas.width, canvas.height);
}

/** A house under the sun, so that there is something to paint from at once. */
export function drawHouse(canvas: HTMLCanvasElement): void {
  clearDrawing(canvas);
  const context = contextOf(canvas);
  context.save();
  context.scale(canvas.width / 100, canvas.height / 100);
  const fill = (colour: string, ...points: [number, number][]) => {
    context.fillStyle = colour;
    context.beginPath();
    for (const [x, y] of points) context.lineTo(x, y);
    context.fill();
  };
  fill("#ffffff", [0, 70], [100, 66], [100, 100], [0, 100]);
  fill("#c0392b", [26, 46], [74, 46], [74, 82], [26, 82]);
  fill("#222222", [19, 47], [50, 22], [81, 47]);
  fill("#f1c40f", [33, 54], [45, 54], [45, 65], [33, 65]);
  fill("#222222", [55, 58], [66, 58], [66, 82], [55, 82]);
  context.fillStyle = "#f1c40f";
  context.beginPath();
  context.arc(84, 16, 7, 0, 2 * Math.PI);
  context.fill();
  context.restore();
}

/** Puts the middle of a picture onto the whole canvas. */
export function drawPicture(canvas: HTMLCanvasElement, picture: ImageBitmap): void {
  const scale = Math.max(canvas.width / picture.width, canvas.height / picture.height);
  const [width, height] = [picture.width * scale, picture.height * scale];
  const context = contextOf(canvas);
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
}

/** The canvas's context, kept where its pixels are quick to read. */
export const contextOf = (canvas: HTMLCanvasElement): CanvasRenderingContext2D =>
  canvas.getContext("2d", { willReadFrequently: true })!;
