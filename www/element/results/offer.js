// @ts-check
/**
 * What is offered where the browser lets the page neither save nor print, as in a sandboxed frame: to copy it.
 *
 * @import { Format } from '../protocol.js'
 * @import { Key, Words } from '../words/words.js'
 * @import { ResultList } from './list.js'
 */

import { make, viewOf } from '../parts/dom.js';
import { fetched } from '../parts/fetched.js';
import { translate } from '../words/words.js';

/**
 * Whether a window's page may save files: null where nobody can tell, because what it stands in is of another origin.
 * @param {Window} view
 */
export function maySave(view) {
  for (let at = view; at !== at.parent; at = at.parent) {
    const frame = at.frameElement;
    if (!frame) return null;
    const sandbox = /** @type {HTMLIFrameElement} */ (frame).sandbox;
    if (frame.hasAttribute('sandbox') && !sandbox.contains('allow-downloads')) return false;
  }
  return /** @type {any} */ (view).origin === 'null' ? null : true;
}

/**
 * Saves results as a file of the reader's, or offers to copy them where the browser does not let the page save.
 * @param {ResultList} results
 * @param {Format} format
 * @param {(format: Format) => Promise<Blob>} exported makes the file
 */
export async function saveOrOffer(results, format, exported) {
  const [file, { fileName, save }] = await Promise.all([exported(format), fetched(import('./export.js'), 'results/export.js')]);
  const may = maySave(viewOf(results.element));
  if (may !== false) save(file, fileName(format));
  if (may) return;
  // A workbook is nothing to copy.
  const text = format === 'xlsx' ? await exported('csv') : file;
  await results.offer(may === null ? 'export.perhaps' : 'export.blocked', await text.text());
}

/** Says what is not allowed, and copies. */
export class Offer {
  #message = make('p', { class: 'offer-said' });
  #copy = make('button', { type: 'button', class: 'again small', 'data-words': 'copy' });
  #outcome = make('p', { class: 'offer-outcome', role: 'status' });
  #text = make('textarea', { class: 'pick offer-text', readonly: true, rows: '6', 'data-words-label': 'copy.label', hidden: true });
  element = make('div', { class: 'offer', role: 'alert' }, this.#message, this.#copy, this.#outcome, this.#text);
  /** @type {Words | null} */
  #words = null;

  constructor() {
    this.#copy.addEventListener('click', () => void this.#write());
  }

  /** @param {Key} why @param {string} text what is copied @param {Words} words */
  show(why, text, words) {
    this.#message.dataset.words = why;
    this.#text.value = text;
    this.#text.hidden = true;
    this.#tell(null);
    this.write(words);
  }

  /** @param {Words} words */
  write(words) {
    this.#words = words;
    translate(this.element, words);
  }

  async #write() {
    const view = viewOf(this.element);
    const written = await view.navigator.clipboard?.writeText(this.#text.value).then(
      () => true,
      () => false,
    );
    this.#tell(written || this.#writeSelected() ? 'copy.done' : 'copy.failed');
  }

  /** The older way, which needs no leave of the frame. What is selected stays so, for whoever copies it by hand. */
  #writeSelected() {
    this.#text.hidden = false;
    this.#text.select();
    const written = this.#text.ownerDocument.execCommand('copy');
    this.#text.hidden = written;
    if (written) this.#copy.focus();
    return written;
  }

  /** @param {'copy.done' | 'copy.failed' | null} words */
  #tell(words) {
    if (words) this.#outcome.dataset.words = words;
    else delete this.#outcome.dataset.words;
    this.#outcome.textContent = words && this.#words ? this.#words.text(words) : '';
  }
}
