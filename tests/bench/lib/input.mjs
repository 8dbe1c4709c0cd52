// @ts-check
/** The one image that every engine classifies: as a PNG for us, as the finished network input for the peers. */

import { png as encode } from '../../e2e/lib/pictures.mjs';

/** Width and height of the network's input. */
export const SIDE = 224;

/** ImageNet's statistics of each channel, as in the bundle's preprocessing. */
const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

/**
 * Something like a chest: two dark lungs between ribs, with a little noise. It has the size that radiographs are reduced to and
 * uses the whole range of grey, so that preprocessing neither reduces nor stretches it.
 * @param {number} detail width and height
 */
function pixels(detail) {
  const grey = new Uint8Array(detail * detail);
  const scale = SIDE / detail;
  let state = 7;
  for (let row = 0; row < detail; row++)
    for (let column = 0; column < detail; column++) {
      const [x, y] = [column * scale, row * scale];
      const lung = (/** @type {number} */ centre) => Math.exp(-(((x - centre) / 34) ** 2) - ((y - 118) / 70) ** 2);
      const ribs = 10 * Math.sin(y / 6 + Math.abs(x - 112) / 18);
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const noise = (state >>> 24) / 16 - 8;
      const value = 205 - 150 * (lung(70) + lung(154)) + ribs + noise;
      grey[row * detail + column] = Math.max(1, Math.min(254, Math.round(value)));
    }
  grey[0] = 0;
  grey[1] = 255;
  return grey;
}

/** The picture as an 8-bit grey PNG. @param {number} detail the bundle's, see `Preprocessing` */
export function png(detail) {
  const grey = pixels(detail);
  return encode(detail, detail, (x, y) => grey[y * detail + x]);
}

/**
 * The network's input that ours makes of the picture, little-endian f32.
 * @param {'nchw' | 'nhwc'} layout
 * @param {number} detail the bundle's
 */
export function tensor(layout, detail) {
  const grey = enlarged(pixels(detail), detail);
  const values = new Float32Array(3 * grey.length);
  for (let channel = 0; channel < 3; channel++)
    for (let at = 0; at < grey.length; at++)
      values[layout === 'nchw' ? channel * grey.length + at : at * 3 + channel] = (grey[at] / 255 - MEAN[channel]) / STD[channel];
  return Buffer.from(values.buffer);
}

/** Brought to the network's size, bilinearly between the centres of pixels. @param {Uint8Array} grey @param {number} detail */
function enlarged(grey, detail) {
  const places = Array.from({ length: SIDE }, (_, at) => {
    const place = Math.min(Math.max(((at + 0.5) * detail) / SIDE - 0.5, 0), detail - 1);
    const from = Math.floor(place);
    return { from, to: Math.min(from + 1, detail - 1), share: place - from };
  });
  return Float32Array.from({ length: SIDE * SIDE }, (_, at) => {
    const [row, column] = [places[Math.floor(at / SIDE)], places[at % SIDE]];
    const along = (/** @type {number} */ y) => grey[y * detail + column.from] * (1 - column.share) + grey[y * detail + column.to] * column.share;
    return along(row.from) * (1 - row.share) + along(row.to) * row.share;
  });
}

/** The detail that a bundle reduces radiographs to. @param {Buffer} bundle the file's bytes */
export function detailOf(bundle) {
  const header = JSON.parse(bundle.subarray(8, 8 + Number(bundle.readBigUInt64LE())).toString());
  return /** @type {number} */ (JSON.parse(header.__metadata__.bundle).preprocessing.detail ?? SIDE);
}
