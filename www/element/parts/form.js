// @ts-check
/**
 * The reports that the form around the element sends.
 *
 * @import { Report } from '../protocol.js'
 * @import { Entry } from '../results/entry.js'
 */

/**
 * The last report, or with `multiple` each; none of an image that came before the form was reset. What an image's file is called stays
 * here, because it is often a patient's name.
 */
export class FormReports {
  #element;
  #internals;
  /** As JSON, by their images. @type {Map<Entry, string>} */
  #submitted = new Map();
  /** How often the form was reset, and how often that had happened when an image came. */
  #resets = 0;
  /** @type {WeakMap<Entry, number>} */
  #cameAfter = new WeakMap();
  /** The image that was begun last. @type {Entry | null} */
  #newest = null;

  /** @param {HTMLElement} element @param {ElementInternals} internals */
  constructor(element, internals) {
    this.#element = element;
    this.#internals = internals;
  }

  /** Nothing is sent until another image has come. */
  reset() {
    this.#resets++;
    this.#submitted.clear();
    this.#internals.setFormValue(null);
  }

  /** How often the form has been reset. */
  get resets() {
    return this.#resets;
  }

  /** An image has come, which was chosen after so many resets. @param {Entry} entry @param {number} [resets] */
  came(entry, resets = this.#resets) {
    this.#cameAfter.set(entry, resets);
  }

  /** Its turn has come: what is sent of it, or without `multiple` of any, is of before. @param {Entry} entry */
  begun(entry) {
    this.#newest = entry;
    this.withdraw(...(this.#several ? [entry] : this.#submitted.keys()));
  }

  /** Sends a report. @param {Entry} entry @param {Report} report */
  submit(entry, report) {
    if (this.#cameAfter.get(entry) !== this.#resets) return;
    if (!this.#several) {
      if (entry !== this.#newest) return;
      this.#submitted.clear();
    }
    this.#submitted.set(entry, JSON.stringify(report));
    this.write();
  }

  /** Sends another report of an image, if one is sent; once it is written. @param {Entry} entry @param {Report} report */
  replace(entry, report) {
    if (this.#submitted.has(entry)) this.#submitted.set(entry, JSON.stringify(report));
  }

  /** The evidence that is sent of an image; null if none is. @param {Entry} entry @returns {Report['evidence'] | null} */
  evidenceOf(entry) {
    const sent = this.#submitted.get(entry);
    return sent === undefined ? null : /** @type {Report} */ (JSON.parse(sent)).evidence;
  }

  /** Sends no report of these images. @param {Entry[]} entries */
  withdraw(...entries) {
    let changed = false;
    for (const entry of entries) changed = this.#submitted.delete(entry) || changed;
    if (changed) this.write();
  }

  /** Tells the form. */
  write() {
    const name = this.#element.getAttribute('name');
    if (!name || this.#submitted.size === 0) return this.#internals.setFormValue(null);
    const value = new FormData();
    for (const report of this.#submitted.values()) value.append(name, report);
    this.#internals.setFormValue(value);
  }

  get #several() {
    return this.#element.hasAttribute('multiple');
  }
}
