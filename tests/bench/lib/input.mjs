// @ts-check
/** The one image that every engine classifies: as a PNG for us, as the finished network input for the peers. */

import { png as encode } from '../../e2e/lib/pictures.mjs';

/** Width and height of the network's input. */
export const SIDE = 224;

/** ImageNet's statistics of each channel, as in the bundle's preprocessing. */
const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

/**
 * Something like a chest: two dark lungs between ribs, with a little noise. It has the network's own size and uses the whole
 * range of grey, so that preprocessing neither resizes nor stretches it and the tensor below is exactly what ours makes.
 */
export function pixels() {
  const grey = new Uint8Array(SIDE * SIDE);
  let state = 7;
  for (let y = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++) {
      const lung = (/** @type {number} */ centre) =>
        Math.exp(-(((x - centre) / 34) ** 2) - ((y - 118) / 70) ** 2);
      const ribs = 10 * Math.sin(y / 6 + Math.abs(x - 112) / 18);
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const noise = (state >>> 24) / 16 - 8;
      const value = 205 - 150 * (lung(70) + lung(154)) + ribs + noise;
      grey[y * SIDE + x] = Math.max(1, Math.min(254, Math.round(value)));
    }
  grey[0] = 0;
  grey[1] = 255;
  return grey;
}

/** The picture as an 8-bit grey PNG. */
export function png() {
  const grey = pixels();
  return encode(SIDE, SIDE, (x, y) => grey[y * SIDE + x]);
}

/**
 * The network's input, little-endian f32.
 * @param {'nchw' | 'nhwc'} layout
 */
export function tensor(layout) {
  const grey = pixels();
  const values = new Float32Array(3 * grey.length);
  for (let channel = 0; channel < 3; channel++)
    for (let at = 0; at < grey.length; at++)
      values[layout === 'nchw' ? channel * grey.length + at : at * 3 + channel] =
        (grey[at] / 255 - MEAN[channel]) / STD[channel];
  return Buffer.from(values.buffer);
}
