// @ts-check
/**
 * Images that only the browser decodes, AVIF and HEIC above all: as a bitmap file, which our own decoder takes.
 *
 * The worker fetches this with the first such image.
 *
 * @import { Caution } from '../protocol.js'
 */

/** More pixels than this are scaled down: a bitmap of them would be larger than a file may be. */
const PIXEL_LIMIT = 16_000_000;

/** What comes before the pixels: the header of the file, and that of the image. */
const HEADER = 54;

const READ_BY_BROWSER = 'read-by-browser';

/** The caution that such an image comes with. @type {Caution} */
const CAUTION = {
  code: READ_BY_BROWSER,
  message: 'The browser decoded this AVIF or HEIC image. Such files are made for photographs, and may have lost detail.',
};

/**
 * The image as the browser shows it, as a bitmap file, and a caution. Undefined where the browser cannot show it.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Promise<{ bytes: Uint8Array<ArrayBuffer>, caution: Caution } | undefined>}
 */
export async function decodeByBrowser(bytes) {
  const picture = await createImageBitmap(new Blob([bytes])).catch(() => undefined);
  if (!picture) return undefined;
  try {
    const scale = Math.min(1, Math.sqrt(PIXEL_LIMIT / (picture.width * picture.height)));
    const width = Math.max(1, Math.floor(picture.width * scale));
    const height = Math.max(1, Math.floor(picture.height * scale));
    const context = new OffscreenCanvas(width, height).getContext('2d');
    if (!context) return undefined;
    // What is transparent is black, as in every other format.
    context.fillRect(0, 0, width, height);
    context.drawImage(picture, 0, 0, width, height);
    return { bytes: bitmapFile(context.getImageData(0, 0, width, height)), caution: CAUTION };
  } finally {
    picture.close();
  }
}

/** A bitmap file of 24 bits a pixel, its rows from the top. @param {ImageData} image */
function bitmapFile({ width, height, data }) {
  const row = Math.ceil((3 * width) / 4) * 4;
  const file = new Uint8Array(HEADER + row * height);
  const view = new DataView(file.buffer);
  file.set([0x42, 0x4d]);
  view.setUint32(2, file.length, true);
  view.setUint32(10, HEADER, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, width, true);
  view.setInt32(22, -height, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 24, true);
  for (let y = 0; y < height; y++)
    for (let x = 0, from = 4 * y * width, to = HEADER + y * row; x < width; x++, from += 4, to += 3) {
      file[to] = data[from + 2];
      file[to + 1] = data[from + 1];
      file[to + 2] = data[from];
    }
  return file;
}
