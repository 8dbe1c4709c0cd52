// @ts-check
/**
 * `<lung-xray-classifier>`: a place to drop chest X-rays, and what the classifier says of them.
 *
 * @import { DoneDetail, ErrorDetail, Format, ModelInfo, OperatingPointDetail, Progress, Ready, Report, Result, ResultDetail } from './protocol.js'
 * @import { LungClient } from './client.js'
 * @import { Entry, Image } from './results/list.js'
 * @import { Found } from './intake/folder.js'
 * @import { Kept, Task } from './results/kept.js'
 * @import { Words } from './words/words.js'
 */

import { FILE_LIMIT, LungError, sharedClient } from './client.js';
import { icon, make, viewOf } from './parts/dom.js';
import { assets } from './download.js';
import { deviceWords, outcomeWords, pointWords, share, wholePercent } from './words/format.js';
import { carriesAddress, carriesFiles, isArchive, isPixels, isTransfer, nameOf } from './intake/given.js';
import { isForwarded, nameWithin } from './parts/names.js';
import { FormReports } from './parts/form.js';
import { faultDetails, folded } from './results/card.js';
import { forgetKept, hasKept, ResultList } from './results/list.js';
import { deviceWish, modelFolder, whenIdle } from './start.js';
import { hearPastes } from './intake/paste.js';
import { sheetOf } from './parts/styles.js';
import { ENGLISH, languageOf, translate, wordsOf } from './words/words.js';

export { LungError };

const ACCEPT =
  'application/dicom,image/png,image/jpeg,image/webp,image/bmp,image/tiff,image/gif,.dcm,.dicom,.png,.jpg,.jpeg,.webp,.bmp,.tif,.tiff,.gif,application/zip,.zip';

/** What is told of an image that somebody has removed before it was answered. */
const REMOVED = {
  code: 'removed',
  message: 'This image was removed before it was answered.',
  advice: 'Choose it again to have it read.',
};

/** What an image is refused with that is to be answered at an operating point that the bundle has not. */
const NO_POINT = 'operating-point-unknown';

/** Where the figures of the model are, beside the worker. */
const FIGURES = 'docs/model-card.html';

/** Where there is no mouse nothing is dropped and nothing pasted, and phones that have folders do not let them be chosen. */
const MOUSE = matchMedia('(any-hover: hover) and (any-pointer: fine)');

/** How often progress is said aloud while many images are read, in milliseconds. */
const SAY_PROGRESS = 15_000;

/** What has happened since files were chosen that are still being looked for. @typedef {{ gone(): boolean, stopped(): boolean }} Since */

const LUNGS =
  'M12 3v9m0-2c-1.6 2-2.6 2.4-2.6 2.4M12 10c1.6 2 2.6 2.4 2.6 2.4M9.4 8.2C8.9 6.6 8 5.6 7 6c-2.2.9-4.2 6-4.2 10.8C2.8 19 4 20.3 6 19.8l1.7-.5c1.1-.3 1.7-1.1 1.7-2.3V8.2Zm5.2 0C15.1 6.6 16 5.6 17 6c2.2.9 4.2 6 4.2 10.8 0 2.2-1.2 3.5-3.2 3l-1.7-.5c-1.1-.3-1.7-1.1-1.7-2.3V8.2Z';

/**
 * Classifies chest X-rays in the browser. Its attributes, properties, methods, events, slots, parts and custom properties are
 * listed in docs/reference/element.md, which a test holds to what is here.
 */
export class LungXrayClassifier extends HTMLElement {
  static observedAttributes = ['src', 'device', 'multiple', 'lang', 'operating-point', 'samples'];
  static formAssociated = true;

  /** Where `worker.js`, `runtime/` and `models/` lie, when they no longer lie beside this module: after bundling. */
  static get assets() {
    return assets.folder;
  }
  static set assets(folder) {
    const url = new URL(folder, document.baseURI).href;
    assets.folder = url.endsWith('/') ? url : `${url}/`;
  }

  /** @type {LungClient | null} */
  #client = null;
  /** Undoes what connecting did. @type {AbortController | null} */
  #connection = null;
  /** The phase last told to listeners. */
  #told = '';
  #unnamed = 0;
  #internals = this.attachInternals();
  #reports = new FormReports(this, this.#internals);
  /** How often all was forgotten, and how often what waits was stopped: what is still being looked for is of before. */
  #forgotten = 0;
  #stopped = 0;
  /** Files that are compared with what was read, one choice after the other. */
  #sorting = Promise.resolve();
  #disabled = false;
  /** Whether its styles are those of its document. */
  #dressed = false;
  /** The words on show. */
  #words = ENGLISH;
  /** Hears of another language of the document. */
  #watch = new MutationObserver(() => void this.#speak());

  #dropzone = make('div', { class: 'dropzone', part: 'dropzone' });
  #picker = make('input', { type: 'file', accept: ACCEPT, hidden: true, tabindex: '-1', 'aria-hidden': 'true' });
  #button = make('button', { type: 'button', class: 'choose', part: 'button' });
  #folderButton = make('button', { type: 'button', class: 'again', part: 'folder', 'data-words': 'choose.folder' });
  /** Made when it is needed. @type {HTMLInputElement | null} */
  #folderPicker = null;
  #title = make('slot', { name: 'title' });
  #hint = make('slot', { name: 'hint' });
  #status = make('div', { class: 'status', part: 'status' });
  #options = make('slot', { name: 'options', class: 'notice' });
  #aside = make('p', { class: 'aside', part: 'aside', hidden: true });
  /** Where there are samples to try. @type {import('./parts/samples.js').Samples | null} */
  #samples = null;
  #results = new ResultList({
    cancel: () => this.cancel(),
    proceed: () => this.proceed(),
    save: (format, entry) => this.#save(format, entry),
    remove: (entry) => this.#remove(entry),
    forget: () => this.forget(),
  });
  /** What is kept of the results for a reload, once there is something. @type {Promise<Kept | null> | null} */
  #kept = null;
  /** What came of the images since nothing waited, and how many still wait. */
  #batch = { open: 0, answered: 0, failed: 0, cancelled: 0 };
  /** When something was last said of many images. */
  #said = 0;
  #spoken = make('p', { class: 'spoken', 'aria-live': 'polite' });
  #whole = make(
    'div',
    { class: 'whole', lang: 'en', dir: 'ltr' },
    make(
      'div',
      { class: 'top' },
      make('p', { class: 'notice', part: 'notice', 'data-words': 'notice' }),
      make('slot', { name: 'notice', class: 'notice' }),
      this.#dropzone,
      this.#status,
      this.#options,
      this.#aside,
    ),
    this.#spoken,
    this.#results.element,
  );

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open', delegatesFocus: true });
    this.#internals.role = 'group';
    this.#dress();
    this.#dropzone.append(
      icon(LUNGS, 'drop-icon'),
      make(
        'div',
        { class: 'drop-words' },
        make('p', { class: 'drop-title' }, this.#title),
        make('p', { class: 'drop-hint' }, this.#hint),
      ),
      make('div', { class: 'drop-buttons' }, this.#button, this.#folderButton),
      this.#picker,
    );
    // How wide it is where the page asks: see its style.
    root.append(make('div', { class: 'sizer', 'aria-hidden': 'true' }, ...[1, 2, 3, 4].map(() => make('i'))), this.#whole);
    this.addEventListener('click', (event) => {
      if (isForwarded(this, event) && !this.#disabled) this.#picker.click();
    });
    this.#dropzone.addEventListener('click', (event) => {
      // The button's own click arrives here too: one way to the picker.
      if (event.target !== this.#picker && !this.#disabled) this.#picker.click();
    });
    this.#folderButton.addEventListener('click', (event) => {
      event.stopPropagation();
      this.#chooseFolder();
    });
    this.#picker.addEventListener('change', () => {
      this.take(this.#picker.files ?? []);
      // The same file again is a change again.
      this.#picker.value = '';
    });
    this.#write(this.#words);
  }

  connectedCallback() {
    this.#connection = new AbortController();
    const { signal } = this.#connection;
    this.addEventListener('dragenter', this.#onDragOver, { signal });
    this.addEventListener('dragover', this.#onDragOver, { signal });
    this.addEventListener('dragleave', this.#onDragLeave, { signal });
    this.addEventListener('drop', this.#onDrop, { signal });
    MOUSE.addEventListener('change', () => this.#writeDropzone(), { signal });
    this.addEventListener('focusin', () => this.#writeName(), { signal });
    const document = this.ownerDocument;
    if (!this.#dressed) this.#dress();
    if (document.defaultView) signal.addEventListener('abort', hearPastes(this, document.defaultView));
    this.#watch.observe(document.documentElement, { attributeFilter: ['lang'] });
    void this.#speak();
    const known = this.#client !== null;
    this.#connect();
    // Where it was before nobody told it what has changed.
    if (known) this.#onState();
    this.#writeName();
    if (this.hasAttribute('resume') && hasKept(this.id)) void this.#keep();
    this.#load();
  }

  disconnectedCallback() {
    this.#connection?.abort();
    this.#connection = null;
    this.#watch.disconnect();
    this.#client?.removeEventListener('state', this.#onState);
    this.#dropzone.classList.remove('over');
    // One that is only moved is back by then.
    setTimeout(() => {
      if (!this.isConnected) this.#stop();
    });
  }

  /** Moved as a whole, without being taken out: what it stands in may be of another language. */
  connectedMoveCallback() {
    void this.#speak();
  }

  adoptedCallback() {
    this.#dress();
    this.#results.moved();
  }

  /** Gives it its styles in the document that it is in, as soon as that is shown. */
  #dress() {
    const sheet = sheetOf(this.ownerDocument);
    this.#dressed = sheet !== undefined;
    if (this.shadowRoot && sheet) this.shadowRoot.adoptedStyleSheets = [sheet];
  }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (name === 'multiple') this.#writeDropzone();
    else if (name === 'lang') void (this.isConnected && this.#speak());
    else if (name === 'operating-point') void (this.isConnected && this.#answerAnew());
    else if (name === 'samples') this.#offerSamples();
    else if (this.isConnected) this.#connect();
  }

  /** @param {boolean} disabled whether the attribute `disabled` or a field set around it says so */
  formDisabledCallback(disabled) {
    this.#disabled = this.#button.disabled = this.#folderButton.disabled = disabled;
    this.#dropzone.classList.toggle('disabled', disabled);
    this.#samples?.disable(disabled);
  }

  /** A form that is reset sends no report, also none of an image that is still being read; the cards stay. */
  formResetCallback() {
    this.#reports.reset();
  }

  /** The form that it belongs to. */
  get form() {
    return this.#internals.form;
  }

  /** Where the classifier runs, once it has started. */
  get ready() {
    const state = this.#connect().state;
    return state.phase === 'ready' ? state.ready : null;
  }

  /**
   * Downloads and starts the classifier, if that has not been done.
   * @returns {Promise<Ready>} rejects with an `Error` that has `code` and `advice`
   */
  start() {
    return this.#connect().start();
  }

  /**
   * Classifies one image: shows its card, fires `lung-result` or `lung-error`.
   * @param {Blob | ImageBitmap | ImageData} image an image file, or pixels
   * @param {string} [name] what to call it; a `File` brings its own
   * @returns {Promise<Report>} rejects with an `Error` that has `code` and `advice`
   */
  async classify(image, name = nameOf(image) || this.#newName()) {
    const forgotten = this.#forgotten;
    const blob = isPixels(image) ? await this.#encode(image, name) : image;
    if (forgotten !== this.#forgotten) throw new LungError(REMOVED);
    const [entry] = this.#insert([{ blob, name }]);
    return this.#run(entry, blob);
  }

  /** The PNG of pixels. @param {ImageBitmap | ImageData} pixels @param {string} name */
  async #encode(pixels, name) {
    try {
      const { encode } = await import('./intake/pixels.js');
      return await encode(pixels);
    } catch (thrown) {
      const fault = {
        code: 'no-pixels',
        message: `These pixels could not be read (${thrown instanceof Error ? thrown.message : String(thrown)}).`,
        advice: 'Pass an ImageData, or an ImageBitmap that is neither closed nor transferred.',
      };
      this.#say(this.#words.text('result.spoken', { name, outcome: this.#words.fault(fault).message }));
      this.#fire('lung-error', /** @type {ErrorDetail} */ ({ ...fault, name }));
      throw new LungError(fault);
    }
  }

  /**
   * Takes files as if they had been dropped here: all of them with `multiple`, else the first. What was dropped elsewhere on the
   * page may have folders in it.
   * @param {Iterable<File> | DataTransfer} files
   */
  take(files) {
    if (this.#disabled) return;
    if (isTransfer(files)) return this.#takeDropped(files);
    this.#takeFound({ images: [...files].map((blob) => ({ blob, name: nameOf(blob) || this.#newName() })), left: 0 }, this.#time());
  }

  /** Every image there is, the newest first, and what came of it. @returns {Result[]} */
  get results() {
    return this.#results.entries.map(({ name, outcome }) => {
      if (outcome.state === 'done') return { name, state: outcome.state, report: outcome.report };
      if (outcome.state !== 'error') return { name, state: outcome.state };
      const { code, message, advice } = outcome.error;
      return { name, state: outcome.state, error: { code, message, advice } };
    });
  }

  /**
   * The results as a file.
   * @param {Format} format
   * @param {string} [name] only of the image with this name
   * @returns {Promise<Blob>}
   */
  async exportResults(format, name) {
    const results = this.results.filter((result) => name === undefined || result.name === name);
    const { resultsFile } = await import('./results/export.js');
    return resultsFile(results, format);
  }

  /**
   * What helps whoever is asked for help: versions, device, adapter, timings and the last error; nothing about an image.
   * @returns {Promise<string>} lines in English
   */
  async diagnostics() {
    const { diagnose } = await import('./parts/diagnostics.js');
    const { state } = this.#connect();
    return diagnose({ ready: this.ready, failed: state.phase === 'failed' ? state.error : null, results: this.results });
  }

  /** Stops what still waits. What is being read is finished. */
  cancel() {
    this.#stop();
  }

  #stop() {
    this.#stopped++;
    this.#client?.cancel(this);
    // What was left out for want of a model does not come back with it.
    for (const entry of this.#leftOut()) entry.cancelled();
  }

  /** Goes on with what was stopped. */
  proceed() {
    this.#begin(
      this.#results.entries.flatMap((entry) =>
        entry.outcome.state === 'cancelled' && entry.blob ? [{ entry, blob: entry.blob, name: entry.name }] : [],
      ),
      false,
      true,
    );
  }

  /**
   * Stops what waits, and forgets all results, here and where they are kept; also what is being read.
   * @param {string} [name] only the image with this name
   */
  forget(name) {
    if (name !== undefined) {
      const entry = this.#results.entries.find((entry) => entry.name === name);
      return entry && this.#remove(entry);
    }
    this.#forgotten++;
    this.cancel();
    this.formResetCallback();
    // Those that are kept may still be on their way here.
    forgetKept(this.id);
    const focused = this.matches(':focus-within');
    this.#results.clear();
    this.#begun(focused);
  }

  /** Forgets one image, whatever it has come to. @param {Entry} entry */
  #remove(entry) {
    const focused = this.matches(':focus-within');
    this.#results.remove(entry);
    this.#client?.cancel(this, entry);
    this.#reports.withdraw(entry);
    this.#say(this.#words.text('removed', { name: entry.name }));
    if (this.#results.entries.length === 0) this.#begun(focused);
  }

  /** Looks as in the beginning. @param {boolean} focused whether the focus was here, and has to stay here */
  #begun(focused) {
    this.#aside.hidden = true;
    this.#dropzone.classList.remove('compact');
    if (focused) this.#button.focus();
  }

  /** @param {Format} format @param {Entry} [entry] */
  async #save(format, entry) {
    const [file, { fileName, save }, { maySave }] = await Promise.all([
      this.exportResults(format, entry?.name),
      import('./results/export.js'),
      import('./results/offer.js'),
    ]);
    const may = maySave(viewOf(this));
    if (may !== false) save(file, fileName(format));
    // A workbook is nothing to copy.
    const text = format === 'xlsx' ? await this.exportResults('csv', entry?.name) : file;
    if (!may) await this.#results.offer(may === null ? 'export.perhaps' : 'export.blocked', await text.text());
  }

  /** Tells what is stopped or forgotten from now on. @returns {Since} */
  #time() {
    const [forgotten, stopped] = [this.#forgotten, this.#stopped];
    return { gone: () => forgotten !== this.#forgotten, stopped: () => stopped !== this.#stopped };
  }

  /**
   * Takes what was found in a folder, and says what was left out of it.
   * @param {Found} found
   * @param {Since} since when it was chosen
   */
  #takeFound({ images, left, named = 0 }, since) {
    if (since.gone()) return;
    if (images.some(isArchive)) return void this.#lookInto({ images, left, named }, since);
    const taken = this.hasAttribute('multiple') ? images : images.slice(0, 1);
    /** @type {string[]} */
    const aside = [];
    if (left > 0 && images.length === 0) aside.push(this.#words.text('folder.none'));
    if (named > 0) aside.push(this.#words.text('folder.directory', { count: named }));
    if (left > 0) aside.push(this.#words.text('folder.left', { count: left }));
    if (images.length > taken.length) aside.push(this.#words.text('drop.first', { count: images.length }));
    this.#tellAside(aside.join(' '));
    const begin = () => this.#begin(taken.map((image) => ({ ...image, entry: null })), since.stopped());
    if (!this.#kept) return begin();
    this.#sorting = this.#sorting.then(async () => {
      const kept = await this.#kept;
      const sorted = await kept?.sort(taken, (count) => this.#tellAside(this.#words.text('kept.comparing', { count })));
      if (since.gone()) return;
      if (!sorted) return begin();
      const { tasks, again } = sorted;
      this.#tellAside([...aside, ...(again.length > 0 ? [this.#words.text('kept.again', { count: again.length })] : [])].join(' '));
      this.#begin(tasks, since.stopped());
      if (tasks.length === 0 && again.length > 0) this.#results.choose(again[0]);
    });
  }

  /** Takes what archives hold in their place. @param {Found} found @param {Since} since */
  async #lookInto({ images, left, named = 0 }, since) {
    try {
      const { lookInto } = await import('./intake/archive.js');
      const held = await lookInto(images, (count) => this.#tellAside(this.#words.text('folder.reading', { count })));
      this.#takeFound({ images: held.images, left: left + held.left, named: named + (held.named ?? 0) }, since);
    } catch {
      if (!since.gone()) this.#tellAside(this.#words.text('archive.failed'));
    }
  }

  /**
   * Has images read, new ones and ones that have a row.
   * @param {Task[]} tasks
   * @param {boolean} stopped whether they have been stopped already: then they only get rows
   * @param {boolean} [goesOn] whether they were there before
   */
  #begin(tasks, stopped, goesOn = false) {
    const fresh = tasks.filter(({ entry }) => !entry);
    const entries = this.#insert(fresh);
    this.#results.bringNext();
    const again = tasks.flatMap(({ entry, blob }) => {
      entry?.waiting(blob);
      // One that goes on after it was stopped is no newer for that.
      if (entry && !goesOn) this.#reports.came(entry);
      return entry ? [{ entry, blob }] : [];
    });
    for (const { entry, blob } of [...again, ...entries.map((entry, at) => ({ entry, blob: fresh[at].blob }))])
      if (stopped) entry.cancelled();
      // What goes wrong is on the card and in an event.
      else this.#run(entry, blob).catch(() => {});
  }

  /** The images that were not read for want of a model. */
  #leftOut() {
    return this.#results.entries.filter(({ blob, outcome }) => outcome.state === 'error' && blob);
  }

  /** Reads what was not read for want of a model, or of an operating point. @param {string} [code] only what was refused with this */
  #readLeftOut(code) {
    const left = this.#leftOut().flatMap((entry) => {
      const { blob, name, outcome } = entry;
      const meant = code === undefined || (outcome.state === 'error' && outcome.error.code === code);
      return blob && meant ? [{ entry, blob, name }] : [];
    });
    if (left.length > 0) this.#begin(left, false, true);
  }

  /** @param {DataTransfer} dropped */
  #takeDropped(dropped) {
    // Only as long as the event lasts can this be asked.
    const entries = [...dropped.items].flatMap((item) => item.webkitGetAsEntry?.() ?? []);
    if (entries.length === 0 && dropped.files.length === 0) {
      const files = dropped.types.includes('Files');
      if (files || carriesAddress(dropped)) this.#tellAside(this.#words.text(files ? 'drop.nothing' : 'drop.address'));
    } else if (entries.some(({ isDirectory }) => isDirectory))
      void this.#takeFolder(async ({ ofEntries }) =>
        ofEntries(entries, (count) => this.#tellAside(this.#words.text('folder.reading', { count }))),
      );
    else this.take(dropped.files);
  }

  #chooseFolder() {
    this.#folderPicker?.remove();
    // In the document as long as its dialog is open: Safari, and a window that this was moved into, open none otherwise.
    const picker = (this.#folderPicker = make('input', { type: 'file', webkitdirectory: true, hidden: true, tabindex: '-1', 'aria-hidden': 'true' }));
    picker.addEventListener('change', () => {
      const files = [...(picker.files ?? [])];
      picker.remove();
      if (files.length > 0 && !this.#disabled) void this.#takeFolder(({ ofFolder }) => ofFolder(files));
    });
    picker.addEventListener('cancel', () => picker.remove());
    this.#dropzone.after(picker);
    picker.click();
  }

  /** @param {(folder: typeof import('./intake/folder.js')) => Found | Promise<Found>} find */
  async #takeFolder(find) {
    const since = this.#time();
    try {
      this.#takeFound(await find(await import('./intake/folder.js')), since);
    } catch {
      if (!since.gone()) this.#tellAside(this.#words.text('folder.failed'));
    }
  }

  /** @param {string} text */
  #tellAside(text) {
    this.#aside.hidden = text === '';
    this.#aside.textContent = text;
    if (text) this.#say(text);
  }

  /** Has the results kept for a reload, and takes up those that are. */
  #keep() {
    return (this.#kept ??= import('./results/kept.js').then(
      ({ Kept }) => {
        const kept = new Kept(this.#results, this.id);
        if (this.#results.entries.length > 0) this.#dropzone.classList.add('compact');
        return kept;
      },
      // Without it nothing is kept; the next image tries again.
      () => (this.#kept = null),
    ));
  }

  /** Offers samples below the drop zone, where the attribute `samples` asks for them. */
  #offerSamples() {
    this.#samples?.element.remove();
    this.#samples = null;
    const folder = this.getAttribute('samples');
    if (folder === null) return;
    whenIdle(async () => {
      const fetched = await import('./parts/samples.js').catch(() => null);
      if (!fetched || this.#samples || this.getAttribute('samples') !== folder) return;
      this.#samples = new fetched.Samples(folder, (files) => this.take(files), this.#words);
      this.#samples.disable(this.#disabled);
      this.#aside.before(this.#samples.element);
    });
  }

  /** Copies the diagnostics when it is clicked. */
  #copier() {
    const button = make('button', { type: 'button', class: 'again copier', part: 'diagnostics' }, this.#words.text('diagnostics.copy'));
    button.addEventListener('click', () => void import('./parts/diagnostics.js').then(({ copy }) => copy(this.#words, this, button)));
    return button;
  }

  #newName() {
    return this.#words.text('unnamed', { number: ++this.#unnamed });
  }

  /** @param {Entry} entry @param {Blob} blob @returns {Promise<Report>} */
  async #run(entry, blob) {
    const { name } = entry;
    const client = this.#connect();
    this.#reports.begun(entry);
    const batch = this.#batch;
    batch.open++;
    try {
      const answer = await client.classify(blob, () => entry.working(), this, entry, () => this.#point ?? undefined);
      const ready = client.state.phase === 'ready' ? client.state.ready : { device: answer.report.device, model: {} };
      // Another one may have been asked for meanwhile.
      const weighed = await this.#weigh(answer.report, answer.report.evidence, ready.model);
      if (weighed) answer.report = { ...weighed.report, evidence: weighed.evidence };
      if (entry.gone) {
        answer.picture?.close();
        throw new LungError(REMOVED);
      }
      const { report } = answer;
      entry.answered(
        answer,
        ready,
        (centre, width) => client.windowed({ id: answer.id, content: answer.content, blob }, centre, width),
      );
      batch.answered++;
      this.#reports.submit(entry, report);
      this.#sayOutcome(this.#words.text('result.spoken', { name, outcome: outcomeWords(this.#words, report, ready.model) }));
      this.#fire('lung-result', /** @type {ResultDetail} */ ({ name, report }));
      return report;
    } catch (thrown) {
      const error =
        thrown instanceof LungError
          ? thrown
          : new LungError({
              code: 'internal',
              message: `The result could not be shown (${String(thrown)}).`,
              advice: 'Reload the page and try again.',
            });
      // Of what was taken back nobody is told.
      if (error.code === 'cancelled' || entry.gone) {
        batch.cancelled++;
        entry.cancelled();
        throw entry.gone ? new LungError(REMOVED) : error;
      }
      batch.failed++;
      // Nothing is wrong with an image that there was no model for, or no such operating point.
      const { state } = client;
      entry.failed(error, (state.phase === 'failed' && state.error === error) || error.code === NO_POINT);
      this.#sayOutcome(this.#words.text('result.spoken', { name, outcome: this.#words.fault(error).message }));
      this.#fire(
        'lung-error',
        /** @type {ErrorDetail} */ ({ code: error.code, message: error.message, advice: error.advice, name }),
      );
      throw error;
    } finally {
      if (--batch.open === 0) this.#done();
      // Not before the first result: it would take from what that waits for.
      if (this.hasAttribute('resume')) void this.#keep();
    }
  }

  /** The operating point that is asked for; null for the default. */
  get #point() {
    return this.getAttribute('operating-point') || null;
  }

  /**
   * A report at the operating point that is asked for by now; null where it is of that one, or the bundle has none of that name.
   * @template {Report['evidence'] | null} E
   * @param {Omit<Report, 'evidence'>} report @param {E} evidence @param {ModelInfo} model
   */
  async #weigh(report, evidence, model) {
    const wanted = this.#point ?? model.default_operating_point;
    if (!wanted || wanted === report.operating_point) return null;
    // What cannot be fetched leaves it as it is, and its card says so.
    const fetched = await import('./results/operating-point.js').catch(() => null);
    return fetched && fetched.weighed(report, evidence, model, this.#point);
  }

  /** Answers the images shown at the operating point that is asked for now. No file is read again. */
  async #answerAnew() {
    this.#renderStatus();
    this.#checkPoint();
    this.#readLeftOut(NO_POINT);
    let said = '';
    let count = 0;
    for (const entry of [...this.#results.entries].reverse()) {
      const { outcome } = entry;
      if (outcome.state !== 'done') continue;
      const evidence = outcome.evidence ?? this.#reports.evidenceOf(entry);
      const weighed = await this.#weigh(outcome.report, evidence, outcome.ready.model);
      if (!weighed || entry.gone || entry.outcome !== outcome) continue;
      const { report } = weighed;
      entry.weighed(report, outcome.evidence && weighed.evidence);
      if (weighed.evidence) this.#reports.replace(entry, { ...report, evidence: weighed.evidence });
      count++;
      said = [pointWords(this.#words, report, outcome.ready.model), outcomeWords(this.#words, report, outcome.ready.model)].filter(Boolean).join('. ');
    }
    if (count === 0) return;
    this.#reports.write();
    this.#say(said);
    const name = this.#point ?? this.ready?.model.default_operating_point ?? '';
    this.#fire('lung-operating-point', /** @type {OperatingPointDetail} */ ({ name }));
  }

  /** Tells that the bundle has no operating point of the name that is asked for, and which it has. */
  #checkPoint() {
    const state = this.#client?.state;
    const points = state?.phase === 'ready' ? state.ready.model.operating_points : undefined;
    const wanted = this.#point;
    if (!wanted || !points || points.some(({ name }) => name === wanted)) return;
    const fault = {
      code: NO_POINT,
      message: `This model has no operating point \`${wanted}\`; it has ${points.map(({ name }) => name).join(', ')}.`,
      advice: 'Ask for one that the model has, or for none: then it is the default.',
    };
    const { message, advice, told } = this.#words.fault(fault);
    this.#tellAside([message, advice, told].filter(Boolean).join(' '));
    this.#fire('lung-error', /** @type {ErrorDetail} */ (fault));
  }

  /** Says what came of an image; of many, only how far they have come. @param {string} outcome */
  #sayOutcome(outcome) {
    const { open, answered, failed } = this.#batch;
    if (answered + failed === 1 && open === 1) return this.#say(outcome);
    const now = performance.now();
    if (open > 1 && now - this.#said < SAY_PROGRESS) return;
    this.#said = now;
    this.#say(this.#words.text('tally.running', { read: answered + failed, count: answered + failed + open - 1 }));
  }

  /** Nothing waits any more. */
  #done() {
    const { answered, failed, cancelled } = this.#batch;
    this.#batch = { open: 0, answered: 0, failed: 0, cancelled: 0 };
    this.#fire('lung-done', /** @type {DoneDetail} */ ({ answered, failed, cancelled }));
    fetchTheRest();
  }

  /** @param {Image[]} images */
  #insert(images) {
    const entries = this.#results.add(images);
    for (const entry of entries) this.#reports.came(entry);
    if (entries.length > 0) this.#dropzone.classList.add('compact');
    return entries;
  }

  #startQuietly = () => void this.start().catch(() => {});

  /** Begins when the attribute `loading` says so; by itself it waits for the first hint that it will be used. */
  #load() {
    const loading = this.getAttribute('loading');
    const signal = this.#connection?.signal;
    if (loading === 'eager') return whenIdle(() => this.isConnected && this.#startQuietly());
    for (const hint of ['pointerenter', 'focusin', 'dragenter'])
      this.addEventListener(hint, this.#startQuietly, { once: true, signal });
    if (loading !== 'visible') return;
    const seen = new IntersectionObserver((changes) => {
      if (!changes.some(({ isIntersecting }) => isIntersecting)) return;
      seen.disconnect();
      this.#startQuietly();
    });
    seen.observe(this);
    signal?.addEventListener('abort', () => seen.disconnect());
  }

  /** The client for the attributes as they are now. */
  #connect() {
    const client = sharedClient(modelFolder(this.getAttribute('src')), deviceWish(this.getAttribute('device')));
    const before = this.#client;
    this.#client = client;
    client.addEventListener('state', this.#onState);
    if (client !== before) {
      before?.removeEventListener('state', this.#onState);
      this.#told = '';
      this.#onState();
    }
    return client;
  }

  #onState = () => {
    const state = this.#client?.state ?? { phase: 'idle' };
    this.#renderStatus();
    const before = this.#told;
    this.#told = state.phase;
    if (state.phase === 'loading' && state.progress) this.#fire('lung-progress', state.progress);
    if (state.phase === before) return;
    if (state.phase === 'ready') {
      this.#say(this.#words.text('status.readyOn', { device: deviceWords(this.#words, state.ready.device) }));
      this.#fire('lung-ready', state.ready);
      this.#checkPoint();
      this.#readLeftOut();
      // An image that is there already comes first.
      if (this.#batch.open === 0) fetchTheRest();
    } else if (state.phase === 'failed') {
      const { code, message, advice } = state.error;
      this.#say(this.#words.fault(state.error).message);
      this.#fire('lung-error', /** @type {ErrorDetail} */ ({ code, message, advice }));
    }
  };

  /** Changes to the language that the element stands in now. Until its words are here, and if they do not come, the others stay. */
  async #speak() {
    const lang = languageOf(this);
    const words = await wordsOf(lang).catch(() => this.#words);
    if (words !== this.#words && languageOf(this) === lang) this.#write(words);
  }

  /** Writes everything in these words. @param {Words} words */
  #write(words) {
    this.#words = words;
    this.#whole.lang = words.lang;
    this.#whole.dir = words.dir;
    // What was said is over.
    this.#say('');
    translate(this.#whole, words);
    this.#writeDropzone();
    this.#renderStatus();
    this.#results.write(words);
    this.#samples?.write(words);
  }

  #writeDropzone() {
    const several = this.hasAttribute('multiple');
    const number = several ? 'several' : 'one';
    const words = this.#words;
    const formats = words.text('hint.formats', { megabytes: FILE_LIMIT / 1048576 });
    this.#picker.multiple = several;
    this.#title.textContent = words.text(MOUSE.matches ? `drop.${number}` : `pick.${number}`);
    this.#hint.textContent = MOUSE.matches ? `${words.text(`hint.${number}`)} ${formats}` : formats;
    this.#button.textContent = words.text(`choose.${number}`);
    this.#writeName();
    this.#folderButton.hidden = !several || !MOUSE.matches || !('webkitdirectory' in HTMLInputElement.prototype);
  }

  /** Has the name that the page gives it, with a label or otherwise, in the names of what a screen reader finds here. */
  #writeName() {
    if (!this.isConnected) return;
    // A browser may have none to tell of yet.
    const name = nameWithin(this, [...(this.#internals.labels ?? [])]);
    this.#internals.ariaLabel = name || null;
    if (name) this.#button.setAttribute('aria-label', this.#words.text('result.spoken', { name: this.#button.textContent ?? '', outcome: name }));
    else this.#button.removeAttribute('aria-label');
  }

  #renderStatus() {
    const state = this.#client?.state ?? { phase: 'idle' };
    this.#status.dataset.phase = state.phase;
    if (state.phase === 'idle')
      this.#status.replaceChildren(
        make('p', { class: 'status-line' }, this.#words.text('status.idle')),
      );
    else if (state.phase === 'loading') this.#renderProgress(state.progress);
    else if (state.phase === 'ready') this.#status.replaceChildren(...readyWords(this.#words, state.ready, this.#point, this.#copier()));
    else {
      const again = make('button', { type: 'button', class: 'again' }, this.#words.text('again'));
      again.addEventListener('click', () => void this.start().catch(() => {}));
      const { message, advice, told } = this.#words.fault(state.error);
      this.#status.replaceChildren(
        make(
          'div',
          { class: 'fault', part: 'error', role: 'alert' },
          make(
            'div',
            {},
            make('p', { class: 'fault-message' }, message),
            make('p', { class: 'fault-advice' }, advice),
            ...faultDetails(this.#words, state.error.code, told),
            this.#copier(),
          ),
          again,
        ),
      );
    }
  }

  /** Kept between calls: a bar that is replaced cannot move. @param {Progress | null} progress */
  #renderProgress(progress) {
    let bar = /** @type {HTMLElement | null} */ (this.#status.querySelector('.progress'));
    if (!bar) {
      bar = make(
        'div',
        { class: 'progress', part: 'progress', role: 'progressbar' },
        make('span', { class: 'progress-fill' }),
      );
      this.#status.replaceChildren(make('p', { class: 'status-line' }), bar);
    }
    const line = /** @type {HTMLElement} */ (this.#status.querySelector('.status-line'));
    const known = progress?.stage === 'download' && progress.total !== null;
    const words = this.#words;
    bar.setAttribute('aria-label', words.text('status.preparingLabel'));
    if (progress?.stage === 'download')
      line.textContent = words.text('status.downloading', { share: share(words, progress.loaded, progress.total) });
    else line.textContent = words.text(progress ? 'status.starting' : 'status.preparing');
    bar.classList.toggle('indeterminate', !known);
    if (known && progress?.total) {
      const portion = progress.loaded / progress.total;
      bar.style.setProperty('--portion', String(portion));
      bar.setAttribute('aria-valuenow', String(Math.round(portion * 100)));
      bar.setAttribute('aria-valuetext', share(words, progress.loaded, progress.total));
    } else {
      bar.removeAttribute('aria-valuenow');
      bar.removeAttribute('aria-valuetext');
    }
  }

  /** @param {string} words */
  #say(words) {
    this.#spoken.textContent = words;
  }

  /** @param {string} type @param {unknown} detail */
  #fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }

  #onDragOver = (/** @type {DragEvent} */ event) => {
    const { dataTransfer: carried } = event;
    if (!carried || !(carriesFiles(carried) || carriesAddress(carried))) return;
    // Also where nothing is taken: the browser would open it in the place of the page.
    event.preventDefault();
    carried.dropEffect = this.#disabled ? 'none' : /^(link|linkMove)$/.test(carried.effectAllowed) ? 'link' : 'copy';
    this.#dropzone.classList.toggle('over', !this.#disabled);
  };

  #onDragLeave = (/** @type {DragEvent} */ event) => {
    // From one part of the element to another is not leaving it.
    const into = /** @type {Node | null} */ (event.relatedTarget);
    if (!this.contains(into)) this.#dropzone.classList.remove('over');
  };

  #onDrop = (/** @type {DragEvent} */ event) => {
    this.#dropzone.classList.remove('over');
    const { dataTransfer: carried } = event;
    if (!carried || !(carriesFiles(carried) || carriesAddress(carried))) return;
    event.preventDefault();
    this.take(carried);
  };
}

/** @param {Words} words @param {Ready} ready @param {string | null} point the operating point that is asked for @param {HTMLElement} copier */
function readyWords(words, ready, point, copier) {
  const { device, model } = ready;
  const facts = [words.text('status.runsOn', { device: deviceWords(words, device) })];
  const reason = device === 'cpu' ? words.fallback(ready) : '';
  const happened = ready.fallbackCode === 'webgpu-stopped';
  if (!happened) facts.push(reason);
  if (model.id) facts.push(model.id);
  const test = (model.tests?.find((test) => test.operating_point === point) ?? model.tests?.[0])?.accuracy;
  return [
    make(
      'p',
      { class: 'status-line' },
      make('span', { class: 'lamp', 'aria-hidden': 'true' }),
      make('strong', {}, words.text('status.ready')),
    ),
    ...(test
      ? [
          make(
            'p',
            { class: 'status-figures' },
            words.text('status.tested', { percent: wholePercent(words, test.share), count: test.images }),
            ' ',
            make('a', { href: new URL(FIGURES, assets.folder).href, target: '_blank', rel: 'noopener' }, words.text('status.figures')),
          ),
        ]
      : []),
    ...(happened ? [make('p', { class: 'status-reason' }, reason)] : []),
    folded(words, ...facts.filter(Boolean).map((fact) => make('p', {}, make('bdi', {}, fact))), copier),
  ];
}

/** @type {Promise<unknown> | undefined} */
let rest;

/**
 * Fetches what is imported when it is needed, ahead of that: a page that has become ready needs no network any more. What does not
 * come is missed by whoever needs it, and said there; not every browser asks for a module again.
 */
function fetchTheRest() {
  rest ??= Promise.allSettled([
    import('./intake/archive.js'),
    import('./picture/evidence-words.js'),
    import('./parts/diagnostics.js'),
    import('./picture/examples.js'),
    import('./results/export.js'),
    import('./intake/folder.js'),
    import('./results/kept.js'),
    import('./results/offer.js'),
    import('./results/operating-point.js'),
    import('./intake/paste-taker.js'),
    import('./intake/pixels.js'),
    import('./results/table.js'),
    import('./picture/window-control.js'),
    import('./results/xlsx.js'),
    import('./picture/zoom.js'),
  ]);
}
