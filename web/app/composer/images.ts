/** Images that are too large for a message, or larger than models look at, are scaled down before they are attached. */

/** Models that see look at no more pixels along a side; most look at fewer. */
const LONGEST_SIDE = 2048;
/** What backends take (src/browserllm/backends/media.py). Other kinds are converted. */
const SENDABLE = ["image/png", "image/jpeg", "image/webp", "image/gif"];
const SIDES = [LONGEST_SIDE, 1536, 1024, 768, 512];
const QUALITIES = [0.85, 0.7, 0.5];
/** These may have transparent parts, which JPEG has not. */
const OPAQUE = ["image/jpeg", "image/bmp", "image/heic", "image/heif"];

/** The image cannot be made so small that it fits. */
export class NoRoomError extends Error {}

/** Returns an image as it can be sent, in at most `most` bytes: the file itself if it will do. Rejects if it cannot be decoded. */
export async function fittingImage(file: File, most: number): Promise<Blob> {
  const fits = file.size <= most && SENDABLE.includes(file.type);
  // Turned as its EXIF data say. What a canvas draws has no such data any more, nor the place where a photo was taken.
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  try {
    if (fits && Math.max(bitmap.width, bitmap.height) <= LONGEST_SIDE) return file;
    return await scaledDown(bitmap, OPAQUE.includes(file.type), most);
  } finally {
    bitmap.close();
  }
}

async function scaledDown(bitmap: ImageBitmap, opaque: boolean, most: number): Promise<Blob> {
  const longest = Math.max(bitmap.width, bitmap.height);
  const sides = SIDES.filter((side) => side < longest);
  for (const side of sides.length === SIDES.length ? sides : [longest, ...sides]) {
    const scale = side / longest;
    const canvas = new OffscreenCanvas(Math.max(1, Math.round(bitmap.width * scale)), Math.max(1, Math.round(bitmap.height * scale)));
    const context = canvas.getContext("2d");
    if (!context) throw new Error("this browser has no canvas");
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    for (const quality of QUALITIES) {
      const blob = await encoded(canvas, context, opaque, quality);
      if (blob.size <= most) return blob;
    }
  }
  throw new NoRoomError();
}

async function encoded(canvas: OffscreenCanvas, context: OffscreenCanvasRenderingContext2D, opaque: boolean, quality: number): Promise<Blob> {
  if (!opaque) {
    const blob = await canvas.convertToBlob({ type: "image/webp", quality });
    if (blob.type === "image/webp") return blob;
    // This browser writes no WebP: white shows through what is transparent.
    context.globalCompositeOperation = "destination-over";
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
  return canvas.convertToBlob({ type: "image/jpeg", quality });
}
