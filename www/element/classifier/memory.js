// @ts-check
/** How much memory workers may take. */

const MEBIBYTE = 1024 * 1024;

// Browsers that do not tell are taken to have 4 GiB.
const { deviceMemory = 4 } = /** @type {{ deviceMemory?: number }} */ (navigator);

/** What all workers together may take, in bytes: a quarter of the machine. */
export const MEMORY = deviceMemory * 256 * MEBIBYTE;

/** What a worker takes before it reads anything, in bytes. */
const BASE = 96 * MEBIBYTE;

/** What decoding may take at most, in bytes, by the decoder's own limit; and what it takes for each byte of a file, by experience. */
const DECODED = 256 * MEBIBYTE;
const DECODED_BY_BYTE = 40;

/** What a worker takes that has read a file of so many bytes: WebAssembly gives no memory back. @param {number} largest */
export const memoryOf = (largest) => BASE + largest + Math.min(DECODED, DECODED_BY_BYTE * largest);
