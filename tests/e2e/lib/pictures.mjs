// @ts-check
/** PNG files made from nothing, for tests that need any image at all. */

import { crc32, deflateSync } from 'node:zlib';

/**
 * An 8-bit grey PNG.
 * @param {number} width @param {number} height
 * @param {(x: number, y: number) => number} grey 0 = black .. 255 = white
 */
export function png(width, height, grey) {
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = grey(x, y);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

/** A part of a PNG file. @param {string} type @param {Buffer} data */
export function chunk(type, data) {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** A file for a picker with something grey in it. @param {string} name @param {number} [seed] */
export function picture(name, seed = 1) {
  const buffer = png(160, 144, (x, y) => 128 + 100 * Math.sin((x + seed * 17) / 23) * Math.cos((y - seed * 5) / 31));
  return { name, mimeType: 'image/png', buffer };
}
