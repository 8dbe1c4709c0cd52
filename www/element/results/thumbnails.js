// @ts-check
/**
 * Small pictures of many images: grey, a byte for each pixel, so that thousands of them are a few megabytes. They are of the pictures
 * on show and go with their rows; nothing of them is ever kept.
 */

import { make } from '../parts/dom.js';

/** The side of a small picture, in pixels. */
export const SIDE = 56;

/** As many are held, the latest: 6 MB. */
const HELD = 2000;

/** Small pictures, each of something. @template {object} T */
export class Thumbnails {
  /** @type {Map<T, Uint8Array>} */
  #greys = new Map();
  /** Where the first ones are made. @type {CanvasRenderingContext2D | null | undefined} */
  #scratch;

  /** Keeps one of a picture, and makes it where there is none yet. @param {T} key @param {ImageBitmap} picture @param {Uint8Array | null} [grey] */
  add(key, picture, grey = this.#made(picture)) {
    if (!grey) return;
    this.#greys.delete(key);
    this.#greys.set(key, grey);
    const [oldest] = this.#greys.keys();
    if (this.#greys.size > HELD) this.#greys.delete(oldest);
  }

  /** @param {ImageBitmap} picture */
  #made(picture) {
    this.#scratch ??= make('canvas', { width: String(SIDE), height: String(SIDE) }).getContext('2d', { willReadFrequently: true });
    const scratch = this.#scratch;
    if (!scratch) return null;
    const scale = SIDE / Math.max(picture.width, picture.height);
    const [width, height] = [picture.width * scale, picture.height * scale];
    scratch.fillRect(0, 0, SIDE, SIDE);
    scratch.imageSmoothingQuality = 'high';
    scratch.drawImage(picture, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
    const { data } = scratch.getImageData(0, 0, SIDE, SIDE);
    return Uint8Array.from({ length: SIDE * SIDE }, (_, at) => data[4 * at]);
  }

  /** @param {T} key */
  delete(key) {
    this.#greys.delete(key);
  }

  clear() {
    this.#greys.clear();
  }

  /** Draws one, or nothing where there is none. @param {T} key @param {HTMLCanvasElement} canvas */
  draw(key, canvas) {
    const grey = this.#greys.get(key);
    const empty = canvas.hasAttribute('data-empty');
    // Nothing in the place of nothing: most rows of a folder begin so.
    if (!grey && empty) return;
    canvas.toggleAttribute('data-empty', !grey);
    const context = canvas.getContext('2d');
    if (!grey) return context?.clearRect(0, 0, SIDE, SIDE);
    const image = new ImageData(SIDE, SIDE);
    const words = new Uint32Array(image.data.buffer);
    for (let at = 0; at < grey.length; at++) words[at] = 0xff000000 | (grey[at] * 0x010101);
    context?.putImageData(image, 0, 0);
  }
}
