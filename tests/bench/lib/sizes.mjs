// @ts-check
/** What a file weighs when a server compresses it as well as it can. */

import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';

const compress = promisify(brotliCompress);

/**
 * Sizes in brotli at its highest quality. That takes a minute for the largest files, so those of the locked peers are in
 * `peers.json` beside the lock file, and what else has been worked out is kept in `cache`.
 * @param {string} cache path of a JSON file
 */
export async function brotliSizes(cache) {
  /** By sha256 of the content. @type {Record<string, number>} */
  let known = {};
  /** @type {Record<string, { file: string, brotli: number }>} */
  const peers = JSON.parse(await readFile(new URL('../peers.json', import.meta.url), 'utf8'));
  try {
    known = JSON.parse(await readFile(cache, 'utf8'));
  } catch {
    // None yet, or unusable: they are worked out again.
  }
  /** @param {Buffer} content */
  return async (content) => {
    const key = createHash('sha256').update(content).digest('hex');
    if (key in peers) return peers[key].brotli;
    if (!(key in known)) {
      const { BROTLI_PARAM_LGWIN, BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = constants;
      const compressed = await compress(content, {
        params: { [BROTLI_PARAM_QUALITY]: 11, [BROTLI_PARAM_LGWIN]: 24, [BROTLI_PARAM_SIZE_HINT]: content.length },
      });
      known[key] = compressed.length;
      await mkdir(dirname(cache), { recursive: true });
      await writeFile(cache, JSON.stringify(known, null, 1));
    }
    return known[key];
  };
}
