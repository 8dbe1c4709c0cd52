// @ts-check
/** Modules that are fetched when somebody needs them. */

import { LungError } from '../classifier/faults.js';
import { assets, whyUnreachable } from '../download.js';

/** How long a module may take before it is fetched again, in milliseconds: a download that stalls has no end of its own. */
const PATIENCE = 30_000;

/** Modules that are fetched again, or were, by their paths. @type {Map<string, Promise<any>>} */
const again = new Map();

/**
 * A module that is being imported. One that does not arrive, that stalls, or that a cache keeps damaged, is fetched again past all caches.
 * @template {object} M
 * @param {Promise<M>} module
 * @param {string} path of the module, in the folder of the element
 * @returns {Promise<M>} rejects with a `LungError` that says why it does not arrive
 */
export async function fetched(module, path) {
  if (again.has(path)) module.catch(() => {});
  else
    try {
      const arrived = await soon(module);
      // A script that ends between two of its functions is whole to a browser, but what it exports stands at its end.
      if (Object.keys(arrived).length > 0) return arrived;
    } catch {
      // It is fetched again.
    }
  let second = again.get(path);
  if (!second) again.set(path, (second = fetchAgain(path)));
  return second;
}

/** @param {string} path */
async function fetchAgain(path) {
  const { href } = new URL(`element/${path}`, assets.folder);
  try {
    // Mends the cache for another visit; a browser does not import an address again that has failed.
    await soon(fetch(href, { cache: 'reload' }).then((response) => response.arrayBuffer())).catch(() => {});
    return await soon(import(`${href}?fetched=${Date.now()}`));
  } catch (error) {
    again.delete(path);
    throw new LungError(await whyUnreachable('runtime', href, error));
  }
}

/** What is waited for only so long. @template T @param {Promise<T>} outcome @returns {Promise<T>} */
function soon(outcome) {
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error('nothing arrived')), PATIENCE)));
  return Promise.race([outcome, late]).finally(() => clearTimeout(timer));
}
