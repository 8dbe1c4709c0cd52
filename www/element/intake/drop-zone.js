// @ts-check
/**
 * Where files are dropped, and the buttons that open the pickers.
 *
 * @import { Words } from '../words/words.js'
 */

import { FILE_LIMIT } from '../classifier/faults.js';
import { icon, make } from '../parts/dom.js';
import { carriesAddress, carriesFiles } from './given.js';

const ACCEPT =
  'application/dicom,image/png,image/jpeg,image/webp,image/bmp,image/tiff,image/gif,image/jp2,image/avif,image/heic,.dcm,.dicom,.png,.jpg,.jpeg,.webp,.bmp,.tif,.tiff,.gif,.jp2,.j2k,.j2c,.avif,.heic,application/zip,.zip';

/** Where there is no mouse nothing is dropped and nothing pasted, and phones that have folders do not let them be chosen. */
const MOUSE = matchMedia('(any-hover: hover) and (any-pointer: fine)');

const LUNGS =
  'M12 3v9m0-2c-1.6 2-2.6 2.4-2.6 2.4M12 10c1.6 2 2.6 2.4 2.6 2.4M9.4 8.2C8.9 6.6 8 5.6 7 6c-2.2.9-4.2 6-4.2 10.8C2.8 19 4 20.3 6 19.8l1.7-.5c1.1-.3 1.7-1.1 1.7-2.3V8.2Zm5.2 0C15.1 6.6 16 5.6 17 6c2.2.9 4.2 6 4.2 10.8 0 2.2-1.2 3.5-3.2 3l-1.7-.5c-1.1-.3-1.7-1.1-1.7-2.3V8.2Z';

/** What to do with what it is given. @typedef {{ add(files: Iterable<File> | DataTransfer): void, addFolder(files: File[]): void }} Receiver */

export class DropZone {
  #receiver;
  #disabled = false;
  #picker = make('input', { type: 'file', accept: ACCEPT, hidden: true, tabindex: '-1', 'aria-hidden': 'true' });
  #button = make('button', { type: 'button', class: 'choose', part: 'button' });
  #folderButton = make('button', { type: 'button', class: 'again', part: 'folder', 'data-words': 'choose.folder' });
  /** Made when it is needed. @type {HTMLInputElement | null} */
  #folderPicker = null;
  #title = make('slot', { name: 'title' });
  #hint = make('slot', { name: 'hint' });
  element = make(
    'div',
    { class: 'dropzone', part: 'dropzone' },
    icon(LUNGS, 'drop-icon'),
    make('div', { class: 'drop-words' }, make('p', { class: 'drop-title' }, this.#title), make('p', { class: 'drop-hint' }, this.#hint)),
    make('div', { class: 'drop-buttons' }, this.#button, this.#folderButton),
    this.#picker,
  );

  /** @param {Receiver} receiver */
  constructor(receiver) {
    this.#receiver = receiver;
    this.element.addEventListener('click', (event) => {
      // The button's own click arrives here too: one way to the picker.
      if (event.target !== this.#picker) this.open();
    });
    this.#folderButton.addEventListener('click', (event) => {
      event.stopPropagation();
      this.#chooseFolder();
    });
    this.#picker.addEventListener('change', () => {
      receiver.add(this.#picker.files ?? []);
      // The same file again is a change again.
      this.#picker.value = '';
    });
  }

  /**
   * Hears of drags over an element, and of a mouse that comes or goes.
   * @param {HTMLElement} host
   * @param {AbortSignal} signal ends that
   * @param {() => void} changed called when other words are needed
   */
  hear(host, signal, changed) {
    host.addEventListener('dragenter', this.#onDragOver, { signal });
    host.addEventListener('dragover', this.#onDragOver, { signal });
    host.addEventListener('drop', this.#onDrop, { signal });
    // From one part of the element to another is not leaving it.
    const leave = (/** @type {DragEvent} */ { relatedTarget }) => host.contains(/** @type {Node | null} */ (relatedTarget)) || this.#markOver(false);
    host.addEventListener('dragleave', leave, { signal });
    signal.addEventListener('abort', () => this.#markOver(false));
    MOUSE.addEventListener('change', changed, { signal });
  }

  /** @param {Words} words @param {boolean} several whether it takes several files */
  write(words, several) {
    const number = several ? 'several' : 'one';
    const what = [words.text('hint.frontal'), words.text('hint.formats', { megabytes: FILE_LIMIT / 1048576 })];
    this.#picker.multiple = several;
    this.#title.textContent = words.text(MOUSE.matches ? `drop.${number}` : `pick.${number}`);
    this.#hint.textContent = [...(MOUSE.matches ? [words.text(`hint.${number}`)] : []), ...what].join(' ');
    this.#button.textContent = words.text(`choose.${number}`);
    this.#folderButton.hidden = !several || !MOUSE.matches || !('webkitdirectory' in HTMLInputElement.prototype);
  }

  /** Has the name that the page gives the element in the name of its button. @param {string} name empty for none @param {Words} words */
  writeName(name, words) {
    if (name) this.#button.setAttribute('aria-label', words.text('result.spoken', { name: this.#button.textContent ?? '', outcome: name }));
    else this.#button.removeAttribute('aria-label');
  }

  /** @param {boolean} disabled */
  disable(disabled) {
    this.#disabled = this.#button.disabled = this.#folderButton.disabled = disabled;
    this.element.classList.toggle('disabled', disabled);
  }

  /** Takes less room once there are images. @param {boolean} compact */
  shrink(compact) {
    this.element.classList.toggle('compact', compact);
  }

  focus() {
    this.#button.focus();
  }

  /** Opens the picker. */
  open() {
    if (!this.#disabled) this.#picker.click();
  }

  #chooseFolder() {
    this.#folderPicker?.remove();
    // In the document as long as its dialog is open: Safari, and a window that this was moved into, open none otherwise.
    const picker = (this.#folderPicker = make('input', { type: 'file', webkitdirectory: true, hidden: true, tabindex: '-1', 'aria-hidden': 'true' }));
    picker.addEventListener('change', () => {
      const files = [...(picker.files ?? [])];
      picker.remove();
      if (files.length > 0 && !this.#disabled) this.#receiver.addFolder(files);
    });
    picker.addEventListener('cancel', () => picker.remove());
    this.element.after(picker);
    picker.click();
  }

  /** @param {boolean} over whether something is dragged over it */
  #markOver(over) {
    this.element.classList.toggle('over', over);
  }

  #onDragOver = (/** @type {DragEvent} */ event) => {
    const { dataTransfer: carried } = event;
    if (!carried || !(carriesFiles(carried) || carriesAddress(carried))) return;
    // Also where nothing is taken: the browser would open it in the place of the page.
    event.preventDefault();
    carried.dropEffect = this.#disabled ? 'none' : /^(link|linkMove)$/.test(carried.effectAllowed) ? 'link' : 'copy';
    this.#markOver(!this.#disabled);
  };

  #onDrop = (/** @type {DragEvent} */ event) => {
    this.#markOver(false);
    const { dataTransfer: carried } = event;
    if (!carried || !(carriesFiles(carried) || carriesAddress(carried))) return;
    event.preventDefault();
    this.#receiver.add(carried);
  };
}
