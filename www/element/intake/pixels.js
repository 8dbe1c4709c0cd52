// @ts-check
/** Pixels that a page has already, as the file that the classifier reads. */

import { LungError } from '../classifier/faults.js';

/**
 * A PNG of the pixels: 8 bits a channel, in sRGB; opaque ones are kept exactly.
 * @param {ImageBitmap | ImageData} pixels left as they are
 * @returns {Promise<Blob>} rejects with a `LungError`
 */
export async function encode(pixels) {
  try {
    return await drawn(pixels);
  } catch (thrown) {
    throw new LungError({
      code: 'no-pixels',
      message: `These pixels could not be read (${thrown instanceof Error ? thrown.message : String(thrown)}).`,
      advice: 'Pass an ImageData, or an ImageBitmap that is neither closed nor transferred.',
    });
  }
}

/** @param {ImageBitmap | ImageData} pixels */
async function drawn(pixels) {
  const { width, height } = pixels;
  if (!width || !height) throw new Error('there are none');
  const canvas = new OffscreenCanvas(width, height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d'));
  if ('data' in pixels) context.putImageData(pixels, 0, 0);
  else context.drawImage(pixels, 0, 0);
  return canvas.convertToBlob({ type: 'image/png' });
}
