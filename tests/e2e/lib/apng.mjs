// @ts-check
/** PNG files as one animation, which every browser shows: https://www.w3.org/TR/png-3/#apng-frame-based-animation. */

import { chunk } from './pictures.mjs';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** @typedef {{ type: string, data: Buffer }} Chunk */

/**
 * An animation that goes round and round.
 * @param {Array<{ png: Buffer, milliseconds: number }>} frames of one size and colour type, as a browser's screenshots are
 */
export function apng(frames) {
  const parts = frames.map(({ png }) => chunks(png));
  const head = headOf(parts[0]);
  for (const other of parts) if (!headOf(other).equals(head)) throw new Error('the frames differ in size or colour type');
  let sequence = 0;
  const out = [SIGNATURE, chunk('IHDR', head), chunk('acTL', numbers([frames.length, 0]))];
  for (const [at, { milliseconds }] of frames.entries()) {
    const delay = Buffer.alloc(6);
    delay.writeUInt16BE(milliseconds, 0);
    delay.writeUInt16BE(1000, 2);
    const size = [head.readUInt32BE(0), head.readUInt32BE(4)];
    out.push(chunk('fcTL', Buffer.concat([numbers([sequence++, ...size, 0, 0]), delay])));
    const data = Buffer.concat(parts[at].filter(({ type }) => type === 'IDAT').map(({ data }) => data));
    out.push(at === 0 ? chunk('IDAT', data) : chunk('fdAT', Buffer.concat([numbers([sequence++]), data])));
  }
  return Buffer.concat([...out, chunk('IEND', Buffer.alloc(0))]);
}

/** @param {Chunk[]} parts */
function headOf(parts) {
  const head = parts.find(({ type }) => type === 'IHDR');
  if (!head) throw new Error('a frame is no PNG file');
  return head.data;
}

/** @param {Buffer} png @returns {Chunk[]} */
function chunks(png) {
  const found = [];
  for (let at = SIGNATURE.length; at < png.length;) {
    const length = png.readUInt32BE(at);
    found.push({ type: png.toString('latin1', at + 4, at + 8), data: png.subarray(at + 8, at + 8 + length) });
    at += length + 12;
  }
  return found;
}

/** @param {number[]} values */
function numbers(values) {
  const buffer = Buffer.alloc(values.length * 4);
  for (const [at, value] of values.entries()) buffer.writeUInt32BE(value, at * 4);
  return buffer;
}
