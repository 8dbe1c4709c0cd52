// @ts-check
/**
 * Samples for whoever has no X-ray at hand: composites, each the average of many radiographs, that show no patient. Their folder has an
 * `index.json`, as `lung composite` writes it. Nothing of it is fetched before the row is unfolded.
 *
 * @import { Words } from '../words/words.js'
 */

import { make } from './dom.js';
import { assets } from '../download.js';

/** An entry of `index.json`. @typedef {{ file: string, finding: string, origin: string, images: number }} Sample */
/** A sample and its file. @typedef {{ sample: Sample, blob: Blob }} Fetched */

/** Width and height of a thumbnail, in pixels of the picture. */
const SIDE = 192;

/** How the names of class folders are written in a bundle. @type {Record<string, string>} */
const FINDINGS = { normal: 'Normal', lungopacity: 'Lung_Opacity', viralpneumonia: 'Viral Pneumonia' };

/** A folded row of thumbnails. Whoever shows it gives it words. */
export class Samples {
  #summary = make('summary');
  #about = make('p', { class: 'samples-about' });
  #failure = make('p', { class: 'samples-about', role: 'status' });
  #row = make('div', { class: 'samples-row' });
  element = make('details', { class: 'samples', part: 'samples' }, this.#summary, this.#about, this.#row, this.#failure);

  #folder;
  #take;
  #words;
  /** @type {Promise<Fetched[]> | null} */
  #fetched = null;
  /** Whether they did not come whole. */
  #failed = false;

  /** @param {string} folder address of the folder; empty for the one beside the element @param {(files: File[]) => void} take @param {Words} words */
  constructor(folder, take, words) {
    const url = folder ? new URL(folder, document.baseURI) : new URL('samples/', assets.folder);
    this.#folder = url.href.endsWith('/') ? url.href : `${url.href}/`;
    this.#take = take;
    this.#words = words;
    this.element.addEventListener('toggle', () => {
      if (this.element.open) void this.#show();
    });
    this.write(words);
  }

  /** Writes everything in these words. @param {Words} words */
  write(words) {
    this.#words = words;
    this.#summary.textContent = words.text('samples.try');
    this.#about.textContent = words.text('samples.about');
    this.#failure.textContent = '';
    if (this.#fetched) void this.#show();
  }

  /** @param {boolean} disabled whether the element takes no files */
  disable(disabled) {
    this.element.inert = disabled;
  }

  async #show() {
    this.#failure.textContent = '';
    const fetched = (this.#fetched ??= fetchAll(this.#folder, this.#failed));
    try {
      const samples = await fetched;
      // Focus stays with a sample when the language changes.
      const at = [...this.#row.children].findIndex((button) => button.matches(':focus'));
      this.#row.replaceChildren(...(await Promise.all(samples.map((one) => this.#button(one)))));
      if (at >= 0) /** @type {HTMLElement | undefined} */ (this.#row.children[at])?.focus();
    } catch {
      // Asked for again when it is unfolded again, past all caches: one may keep it damaged.
      this.#fetched = null;
      this.#failed = true;
      this.#failure.textContent = this.#words.text('samples.failed');
    }
  }

  /** @param {Fetched} fetched */
  async #button({ sample, blob }) {
    const words = this.#words;
    const made = words.text('samples.composite', { count: sample.images });
    const button = make(
      'button',
      { type: 'button', class: 'sample', part: 'sample' },
      await thumbnail(blob),
      make('strong', {}, findingOf(words, sample.finding)),
      make('span', {}, words.known('sample', sample.origin) ?? sample.origin),
      make('span', {}, made),
    );
    const name = words.text('samples.named', { name: sample.file, made });
    button.addEventListener('click', () => this.#take([new File([blob], name, { type: blob.type })]));
    return button;
  }
}

/** What a class folder is called in these words; its own name where there is no other. @param {Words} words @param {string} name */
function findingOf(words, name) {
  const id = FINDINGS[name.toLowerCase().replace(/[\s_-]+/g, '')] ?? name;
  return words.known('finding', id) ?? id.replaceAll('_', ' ');
}

/** A small picture of an image, on a canvas: a page's policy may allow no images. @param {Blob} blob */
async function thumbnail(blob) {
  const bitmap = await createImageBitmap(blob, { resizeWidth: SIDE, resizeHeight: SIDE, resizeQuality: 'high' });
  const canvas = make('canvas', { width: String(SIDE), height: String(SIDE), 'aria-hidden': 'true' });
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
  bitmap.close();
  return canvas;
}

/** The samples of a folder with their files. @param {string} folder @param {boolean} anew whether past all caches @returns {Promise<Fetched[]>} */
async function fetchAll(folder, anew) {
  const { samples } = await (await fetched(new URL('index.json', folder), anew)).json();
  return Promise.all(
    /** @type {Sample[]} */ (samples).map(async (sample) => {
      const url = new URL(sample.file, folder);
      return { sample, blob: await (await fetched(url, anew)).blob() };
    }),
  );
}

/** How long a file of a sample may take, in milliseconds: a download that stalls has no end of its own. */
const PATIENCE = 30_000;

/** @param {URL} url @param {boolean} anew */
async function fetched(url, anew) {
  const response = await fetch(url, { cache: anew ? 'reload' : 'default', signal: AbortSignal.timeout(PATIENCE) });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response;
}
