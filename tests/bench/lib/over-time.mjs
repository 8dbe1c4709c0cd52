// @ts-check
/** Many images through our page, and its memory on the way. */

/** Images between two samples of memory. */
const SAMPLE = 50;
/** Images after which memory should grow no more. */
export const EARLY = 100;

/**
 * Samples of memory. Growth is that from `EARLY` images to the last sample, as a share.
 * @typedef {{ id: string, images: number[], bytes: number[], heap: number[], growth: number | null, heap_growth: number | null }} OverTime
 */

/**
 * @param {string} id
 * @param {Awaited<ReturnType<typeof import('./browser.mjs').open>>} browser opened with `gc`
 * @param {number} images
 * @returns {Promise<OverTime>}
 */
export async function overTime(id, browser, images) {
  /** @type {OverTime} */
  const result = { id, images: [], bytes: [], heap: [], growth: null, heap_growth: null };
  // The first image was that of the start.
  for (let image = 2; image <= images; image++) {
    await browser.run();
    if (image % SAMPLE !== 0) continue;
    await browser.collect();
    const memory = await browser.memory();
    if (!memory) break;
    result.images.push(image);
    result.bytes.push(memory.now);
    result.heap.push(await browser.heap());
  }
  const grown = (/** @type {number[]} */ values) => {
    const [early, late] = [values[result.images.indexOf(EARLY)], values.at(-1)];
    return early && late ? late / early - 1 : null;
  };
  [result.growth, result.heap_growth] = [grown(result.bytes), grown(result.heap)];
  return result;
}
