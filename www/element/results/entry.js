// @ts-check
/**
 * An image and how far it has come.
 *
 * @import { LungError } from '../classifier/faults.js'
 * @import { Windowed } from '../picture/window-control.js'
 * @import { Answer, Ready, Report } from '../protocol.js'
 */

import { fileFacts } from '../parts/dom.js';

/** An image and what to call it: its path, from the folder that was chosen. @typedef {{ blob: Blob, name: string }} Image */

/**
 * What an entry tells of its file. `path` is what it was called when it came, `name` what tells it from all others; `content` is the
 * hash of its bytes, null until they have been read.
 * @typedef {{ name: string, path: string, bytes: number, modified: number, content: string | null }} FileFacts
 */

/**
 * How far an image has come. `evidence` and `picture` are gone once it is one of the older ones, and `windowed`, which holds
 * the file, with them; `absent` is one that was waiting when the page was reloaded, so that its file has to be chosen again.
 * @typedef {{ state: 'waiting' }
 *   | { state: 'working' }
 *   | { state: 'cancelled' }
 *   | { state: 'absent' }
 *   | { state: 'error', error: LungError }
 *   | { state: 'done', ready: Ready, report: Omit<Report, 'evidence'>, evidence: Report['evidence'] | null,
 *       picture: ImageBitmap | null, small?: Uint8Array | null, windowed: Windowed | null, at: Date }} Outcome
 */

/** One image. */
export class Entry {
  /** @type {Outcome} */
  outcome = { state: 'waiting' };
  /** Whether it has left the list; what is still found of it is shown to nobody. */
  gone = false;
  #changed;

  /** @param {FileFacts} file @param {Blob | null} blob @param {(entry: Entry) => void} changed */
  constructor({ name, path, bytes, modified, content }, blob, changed) {
    this.name = name;
    this.path = path;
    this.bytes = bytes;
    /** When its file was last changed, in milliseconds; 0 for what is no file. */
    this.modified = modified;
    this.content = content;
    /** Its bytes, until it has been read. @type {Blob | null} */
    this.blob = blob;
    this.#changed = changed;
  }

  /** It is in the queue. @param {Blob} blob */
  waiting(blob) {
    if (this.outcome.state === 'done') this.outcome.picture?.close();
    this.blob = blob;
    this.bytes = blob.size;
    this.modified = fileFacts(blob).modified;
    // Not known before these bytes have been read.
    this.content = null;
    this.#set({ state: 'waiting' });
  }

  /** Its turn has come. */
  working() {
    this.#set({ state: 'working' });
  }

  /** It was taken out of the queue. */
  cancelled() {
    this.#set({ state: 'cancelled' });
  }

  /** @param {LungError} error @param {boolean} [notRead] whether it is still to be read, when there is a classifier */
  failed(error, notRead = false) {
    if (!notRead) this.blob = null;
    this.content = error.content ?? null;
    this.#set({ state: 'error', error });
  }

  /** @param {Answer} answer @param {Ready} ready @param {Windowed} windowed makes its picture in another window */
  answered({ content, report: { evidence, ...report }, picture, small }, ready, windowed) {
    this.blob = null;
    this.content = content;
    this.#set({ state: 'done', report, evidence, picture, small, ready, windowed: report.dicom?.window ? windowed : null, at: new Date() });
  }

  /** It has been answered at another operating point. @param {Omit<Report, 'evidence'>} report @param {Report['evidence'] | null} evidence */
  weighed(report, evidence) {
    if (this.outcome.state === 'done') this.#set({ ...this.outcome, report, evidence });
  }

  /** Lets go of the picture and what is shown over it. What came of the image stays as it is, so that nobody is told. */
  forget() {
    if (this.outcome.state !== 'done' || !this.outcome.evidence) return;
    this.outcome.picture?.close();
    this.outcome = { ...this.outcome, evidence: null, picture: null, small: null, windowed: null };
  }

  /** @param {Outcome} outcome */
  #set(outcome) {
    this.outcome = outcome;
    this.#changed(this);
  }
}
