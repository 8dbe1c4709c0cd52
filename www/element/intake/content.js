// @ts-check
/**
 * What a file is known by: its content. Two files may have the same name, size and time and be of two patients.
 */

/**
 * The content's hash, in hexadecimal: the same for the same bytes, and in practice for no others. It is SHA-256, or 128 bits of a
 * plainer mixture where the page did not come over HTTPS and the browser therefore has no SHA-256.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Promise<string>}
 */
export async function contentOf(bytes) {
  const subtle = globalThis.crypto?.subtle;
  return hexadecimal(subtle ? new Uint8Array(await subtle.digest('SHA-256', bytes)) : mixtureOf(bytes));
}

/**
 * Four words, each changed by every word of the content and by the word before it.
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
export function mixtureOf(bytes) {
  let [a, b, c, d] = [bytes.length, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35];
  const mix = (/** @type {number} */ word) => {
    a = Math.imul(a ^ word, 0x2c1b3c6d);
    a ^= a >>> 15;
    b = Math.imul((b ^ a) + word, 0x297a2d39);
    b ^= b >>> 13;
    c = Math.imul((c ^ b) + word, 0x1b56c4e9);
    c ^= c >>> 16;
    d = Math.imul((d ^ c) + word, 0x7feb352d);
    d ^= d >>> 14;
    a = (a + d) | 0;
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.length & ~3;
  for (let at = 0; at < whole; at += 4) mix(view.getInt32(at, true));
  for (let at = whole; at < bytes.length; at++) mix(bytes[at]);
  // The last word changes all four.
  for (let turn = 0; turn < 4; turn++) mix(turn);
  return new Uint8Array(Uint32Array.of(a, b, c, d).buffer);
}

/** @param {Uint8Array} bytes */
function hexadecimal(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
