// @ts-check
/**
 * `<lung-xray-classifier>`: a place to drop chest X-rays, and what the classifier says of them. The element connects the controllers that
 * do the work: intake, reader, results, status.
 *
 * @import { ErrorDetail, Format, Ready, Report, Result } from './protocol.js'
 * @import { Entry } from './results/entry.js'
 * @import { Words } from './words/words.js'
 */

import { LungError } from './classifier/faults.js';
import { assets } from './download.js';
import { DropZone } from './intake/drop-zone.js';
import { isPixels, nameOf } from './intake/given.js';
import { Intake } from './intake/intake.js';
import { hearPastes } from './intake/paste.js';
import { Connection } from './parts/connection.js';
import { make } from './parts/dom.js';
import { fetched } from './parts/fetched.js';
import { FormReports } from './parts/form.js';
import { fetchTheRest, startWhenAsked } from './parts/loading.js';
import { isForwarded, isTyped, nameWithin } from './parts/names.js';
import { SampleOffer } from './parts/sample-offer.js';
import { Context, tellRenamed } from './parts/context.js';
import { Status } from './parts/status.js';
import { sheetOf } from './parts/styles.js';
import { ResultList } from './results/list.js';
import { NO_POINT, OperatingPoints } from './results/points.js';
import { NO_READERS, Reader, REMOVED } from './results/reader.js';
import { Tab } from './results/tab.js';
import { deviceWords } from './words/format.js';
import { whenIdle } from './start.js';
import { languageOf, translate, wordsOf } from './words/words.js';

export { LungError };

/**
 * Classifies chest X-rays in the browser. A test holds what is listed here to docs/reference/element.md, which has the attributes too.
 *
 * @tagname lung-xray-classifier
 * @event lung-progress during the download (`stage` is `download`) and the start (`start`), in bytes; `total` may be `null`: `{stage, loaded, total}`
 * @event lung-ready the classifier has started: `{device, fallback?, fallbackCode?, model}`
 * @event lung-result an image was answered: `{name, report}`
 * @event lung-error an image was refused; without `name` the start failed, or the model has no such `operating-point`: `{code, message, advice, name?}`
 * @event lung-operating-point the images on show were answered again at this operating point: read `results`: `{name}`
 * @event lung-done no image waits any more: how each ended since the last time: `{answered, failed, cancelled}`
 * @slot title - instead of "Drop a chest X-ray here"
 * @slot hint - instead of the line about views and file types below it
 * @slot notice - your words below the notice that this is research software
 * @slot options - your own choices below the status
 * @csspart dropzone - where files are dropped
 * @csspart button - the button that opens the file picker
 * @csspart folder - the button that opens it for a folder
 * @csspart aside - files left out of a folder
 * @csspart status - progress, device and model
 * @csspart progress - the progress bar
 * @csspart samples - the folded row of samples
 * @csspart sample - a sample
 * @csspart diagnostics - the button that copies the diagnostics
 * @csspart diagnosis - the words below that button
 * @csspart results - the rows and the card
 * @csspart list - the table of images with its tools, if there are several
 * @csspart toolbar - progress and buttons
 * @csspart cancel - the button that stops waiting images
 * @csspart proceed - the button that continues stopped images
 * @csspart export - the buttons that save XLSX, CSV and JSON
 * @csspart finders - filters and order
 * @csspart rows - the table
 * @csspart row - an image
 * @csspart row-picture - its small picture
 * @csspart row-finding - its finding or error
 * @csspart row-state - its progress
 * @csspart more - the button that shows more rows
 * @csspart remove - the button that removes the chosen image
 * @csspart save - the buttons that save its result alone
 * @csspart print - the button that prints the card
 * @csspart clear - the button that removes all images, if nothing is kept
 * @csspart kept - says that results are kept
 * @csspart forget - the button that forgets them
 * @csspart card - the chosen image's card
 * @csspart picture - frame of the radiograph
 * @csspart overlay - the evidence over the radiograph
 * @csspart zoom - the buttons that enlarge the radiograph
 * @csspart evidence-words - where the evidence is strongest, in words
 * @csspart examples - folded drawings of what is typical of each finding
 * @csspart example - one of them
 * @csspart window - the controls of a DICOM window
 * @csspart window-error - why the picture cannot be shown in that window
 * @csspart controls - choice of evidence
 * @csspart warning - the warning that the image does not look like a frontal chest X-ray
 * @csspart doubted - the folded probabilities of such an image
 * @csspart cautions - why the file may not be a frontal chest radiograph
 * @csspart dicom - what a DICOM file says about its image
 * @csspart finding - the finding named
 * @csspart set - whether other findings are possible
 * @csspart sentence - the model's own sentence for such a set, in place of `set`
 * @csspart point - which operating point answered, where it is not the default
 * @csspart probabilities - a bar for each finding
 * @csspart bar - one of them
 * @csspart bar-fill - its filled part
 * @csspart details - folded technical facts
 * @csspart facts - within it: device, times, image, model
 * @csspart error - an error within a card or in place of the status
 * @csspart notice - research software, not a medical device
 * @cssprop --lung-accent - buttons, focus, bars
 * @cssprop --lung-ground - the background, with `theme="light"` or `theme="dark"`
 * @cssprop --lung-surface - cards
 * @cssprop --lung-sunken - tracks and pressed buttons
 * @cssprop --lung-ink - text
 * @cssprop --lung-muted - secondary text
 * @cssprop --lung-line - borders
 * @cssprop --lung-danger - errors
 * @cssprop --lung-warning - the warning that an image is no chest X-ray
 * @cssprop --lung-radius - corners
 */
export class LungXrayClassifier extends HTMLElement {
  static observedAttributes = ['src', 'device', 'multiple', 'lang', 'name', 'operating-point', 'samples'];
  static formAssociated = true;

  /** Where `worker.js`, `runtime/` and `models/` lie, when they no longer lie beside this module: after bundling. */
  static get assets() {
    return assets.folder;
  }
  static set assets(folder) {
    const url = new URL(folder, document.baseURI).href;
    assets.folder = url.endsWith('/') ? url : `${url}/`;
  }

  /** Undoes what being in a document did. @type {AbortController | null} */
  #connected = null;
  #disabled = false;
  /** Whether its styles are those of its document. */
  #dressed = false;
  /** Hears of another language of the document. */
  #watch = new MutationObserver(() => void this.#speak());
  #internals = this.attachInternals();

  #context = new Context(this);
  #connection = new Connection(this, (phaseIsNew) => this.#onState(phaseIsNew));
  #reports = new FormReports(this, this.#internals);
  #results = new ResultList({
    cancel: () => this.cancel(),
    resumeQueue: () => this.resumeQueue(),
    save: async (format, entry) => {
      const { saveOrOffer } = await fetched(import('./results/offer.js'), 'results/offer.js');
      await saveOrOffer(this.#results, format, (format) => this.exportResults(format, entry?.name));
    },
    remove: (entry) => this.#remove(entry),
    forget: () => this.forget(),
  });
  #tab = new Tab(this.#results, this);
  #points = new OperatingPoints(this.#context, this.#connection, this.#results, this.#reports);
  #reader = new Reader({
    owner: this,
    context: this.#context,
    connection: this.#connection,
    results: this.#results,
    reports: this.#reports,
    points: this.#points,
    // Not before the first result: it would take from what that waits for.
    settled: () => this.#context.persists && void this.#tab.keep(),
    idle: fetchTheRest,
  });
  #intake = new Intake(this.#context, this.#tab, {
    begin: (tasks, since) => this.#reader.begin(tasks, since.stopped(), since),
    choose: (entry) => this.#results.choose(entry),
    resets: () => this.#reports.resets,
  });
  #dropZone = new DropZone({
    add: (files) => this.add(files),
    addFolder: (files) => void this.#intake.addFolder(({ ofFolder }) => ofFolder(files)),
  });
  #samples = new SampleOffer(this.#context, (files) => this.add(files), this.#dropZone.element);
  #status = new Status({
    start: () => this.#startQuietly(),
    copyDiagnostics: (button) =>
      void fetched(import('./parts/diagnostics.js'), 'parts/diagnostics.js').then(
        ({ copy }) => copy(this.#context.words, this, button),
        (fault) => this.#context.tellFault(fault),
      ),
  });
  #whole = make(
    'div',
    { class: 'whole', lang: 'en', dir: 'ltr' },
    make(
      'div',
      { class: 'top' },
      make(
        'p',
        { class: 'notice', part: 'notice' },
        make('span', { 'data-words': 'notice' }),
        ' ',
        make('span', { class: 'stays', 'data-words': 'notice.stays' }),
      ),
      make('slot', { name: 'notice', class: 'notice' }),
      this.#dropZone.element,
      this.#status.element,
      make('slot', { name: 'options', class: 'notice' }),
      this.#context.speech.aside,
    ),
    this.#context.speech.spoken,
    this.#results.element,
  );

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open', delegatesFocus: true });
    this.#internals.role = 'group';
    this.#dress();
    // How wide it is where the page asks: see its style.
    root.append(make('div', { class: 'sizer', 'aria-hidden': 'true' }, ...[1, 2, 3, 4].map(() => make('i'))), this.#whole);
    this.addEventListener('click', (event) => isForwarded(this, event) && this.#dropZone.open());
    // To the page around it what is typed in a field here comes from no field: it would be a shortcut.
    for (const type of ['keydown', 'keypress', 'keyup']) root.addEventListener(type, (event) => isTyped(event) && event.stopPropagation());
    this.#results.watch({ added: () => this.#dropZone.shrink(true), changed() {}, removed() {}, cleared() {} });
    this.#write(this.#context.words);
  }

  connectedCallback() {
    this.#connected = new AbortController();
    const { signal } = this.#connected;
    this.#dropZone.hear(this, signal, () => this.#writeDropZone());
    this.addEventListener('focusin', () => this.#writeName(), { signal });
    const document = this.ownerDocument;
    if (!this.#dressed) this.#dress();
    if (document.defaultView) signal.addEventListener('abort', hearPastes(this, document.defaultView));
    // The line is back.
    addEventListener('online', () => this.#reader.readLeftOut(NO_READERS), { signal });
    this.#watch.observe(document.documentElement, { attributeFilter: ['lang'] });
    void this.#speak();
    this.#connection.reconnect();
    this.#writeName();
    if (this.#context.persists && this.#tab.holds) void this.#tab.keep();
    startWhenAsked(this, this.#startQuietly, signal);
  }

  disconnectedCallback() {
    this.#connected?.abort();
    this.#connected = null;
    this.#watch.disconnect();
    this.#connection.disconnect();
    // One that is only moved is back by then.
    setTimeout(() => {
      if (!this.isConnected) this.cancel();
    });
  }

  /** Moved as a whole, without being taken out: what it stands in may be of another language. */
  connectedMoveCallback() {
    void this.#speak();
    this.#writeName();
  }

  adoptedCallback() {
    this.#dress();
    this.#results.moved();
  }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (name === 'multiple') this.#writeDropZone();
    else if (name === 'name') this.#reports.write();
    else if (name === 'lang') void (this.isConnected && this.#speak());
    else if (name === 'operating-point') void (this.isConnected && this.#changePoint());
    else if (name === 'samples') this.#samples.offer(this.getAttribute('samples'));
    else if (this.isConnected) this.#connection.connect();
  }

  /** @param {boolean} disabled whether the attribute `disabled` or a field set around it says so */
  formDisabledCallback(disabled) {
    this.#disabled = disabled;
    this.#dropZone.disable(disabled);
    this.#samples.disable(disabled);
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
    const { state } = this.#connection.connect();
    return state.phase === 'ready' ? state.ready : null;
  }

  /** Every image there is, the newest first, and what came of it. @returns {Result[]} */
  get results() {
    return this.#results.results;
  }

  /**
   * Downloads and starts the classifier, if that has not been done.
   * @returns {Promise<Ready>} rejects with an `Error` that has `code` and `advice`
   */
  start() {
    return this.#connection.connect().start();
  }

  /**
   * Classifies one image: shows its card, fires `lung-result` or `lung-error`.
   * @param {Blob | ImageBitmap | ImageData} image an image file, or pixels
   * @param {string} [name] what to call it; a `File` brings its own
   * @returns {Promise<Report>} rejects with an `Error` that has `code` and `advice`
   */
  async classify(image, name = nameOf(image) || this.#intake.newName()) {
    const since = this.#intake.since();
    const blob = isPixels(image) ? await this.#intake.encode(image, name) : image;
    if (since.gone()) throw new LungError(REMOVED);
    const [entry] = this.#reader.insert([{ blob, name }], since.resets);
    return this.#reader.run(entry, blob);
  }

  /**
   * Adds files as if they had been dropped here: all of them with `multiple`, else the first. What was dropped elsewhere on the
   * page may have folders in it.
   * @param {Iterable<File> | DataTransfer} files
   */
  add(files) {
    if (!this.#disabled) this.#intake.add(files);
  }

  /** @deprecated It is now `add()`. @param {Iterable<File> | DataTransfer} files */
  take(files) {
    tellRenamed('`take()`', '`add()`');
    this.add(files);
  }

  /**
   * The results as a file.
   * @param {Format} format
   * @param {string} [name] only of the image with this name
   * @returns {Promise<Blob>}
   */
  async exportResults(format, name) {
    const results = this.results.filter((result) => name === undefined || result.name === name);
    const { resultsFile } = await fetched(import('./results/export.js'), 'results/export.js');
    return resultsFile(results, format, format === 'xlsx' ? fetched(import('./results/xlsx.js'), 'results/xlsx.js') : null);
  }

  /**
   * What helps whoever is asked for help: versions, device, adapter, timings and the last error; nothing about an image.
   * @returns {Promise<string>} lines in English
   */
  async diagnostics() {
    const { diagnose } = await fetched(import('./parts/diagnostics.js'), 'parts/diagnostics.js');
    const { state } = this.#connection.connect();
    return diagnose({ ready: this.ready, failed: state.phase === 'failed' ? state.error : null, results: this.results });
  }

  /** Stops what still waits. What is being read is finished. */
  cancel() {
    this.#intake.stop();
    this.#reader.stop();
  }

  /** Goes on with what was stopped. */
  resumeQueue() {
    this.#reader.resume();
  }

  /** @deprecated It is now `resumeQueue()`. */
  proceed() {
    tellRenamed('`proceed()`', '`resumeQueue()`');
    this.resumeQueue();
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
    this.#intake.forget();
    this.cancel();
    this.formResetCallback();
    this.#tab.forget();
    const focused = this.matches(':focus-within');
    this.#results.clear();
    this.#lookUnused(focused);
  }

  /** Forgets one image, whatever it has come to. @param {Entry} entry */
  #remove(entry) {
    const { words, speech } = this.#context;
    const focused = this.matches(':focus-within');
    this.#results.remove(entry);
    this.#connection.cancel(entry);
    this.#reports.withdraw(entry);
    speech.say(words.text('removed', { name: entry.name }));
    if (this.#results.entries.length === 0) this.#lookUnused(focused);
  }

  /** Looks as in the beginning. @param {boolean} focused whether the focus was here, and has to stay here */
  #lookUnused(focused) {
    this.#context.speech.aside.hidden = true;
    this.#dropZone.shrink(false);
    if (focused) this.#dropZone.focus();
  }

  #startQuietly = () => void this.start().catch(() => {});

  /** Answers at another operating point from now on, also what is on show. */
  #changePoint() {
    this.#showStatus();
    this.#points.check();
    this.#reader.readLeftOut(NO_POINT);
    return this.#points.answerAnew();
  }

  /** @param {boolean} phaseIsNew */
  #onState(phaseIsNew) {
    this.#showStatus();
    const { state } = this.#connection;
    const { words, speech } = this.#context;
    if (state.phase === 'loading' && state.progress) this.#context.fire('lung-progress', state.progress);
    if (!phaseIsNew) return;
    if (state.phase === 'ready') {
      whenIdle(() => words.prepare());
      speech.say(words.text('status.readyOn', { device: deviceWords(words, state.ready.device) }));
      this.#context.fire('lung-ready', state.ready);
      this.#points.check();
      this.#reader.readLeftOut();
      // An image that is there already comes first.
      if (this.#reader.isIdle) fetchTheRest();
    } else if (state.phase === 'failed') {
      const { code, message, advice } = state.error;
      speech.say(words.fault(state.error).message);
      this.#context.fire('lung-error', /** @type {ErrorDetail} */ ({ code, message, advice }));
    }
  }

  #showStatus() {
    this.#status.show(this.#connection.state, this.#context.words, this.#context.point);
  }

  /** Gives it its styles in the document that it is in, as soon as that is shown. */
  #dress() {
    const sheet = sheetOf(this.ownerDocument);
    this.#dressed = sheet !== undefined;
    if (this.shadowRoot && sheet) this.shadowRoot.adoptedStyleSheets = [sheet];
  }

  /** Changes to the language that the element stands in now. Until its words are here, and if they do not come, the others stay. */
  async #speak() {
    const lang = languageOf(this);
    const words = await wordsOf(lang).catch(() => this.#context.words);
    if (words !== this.#context.words && languageOf(this) === lang) this.#write(words);
  }

  /** Writes everything in these words. @param {Words} words */
  #write(words) {
    this.#context.words = words;
    this.#whole.lang = words.lang;
    this.#whole.dir = words.dir;
    // What was said is over.
    this.#context.speech.say('');
    translate(this.#whole, words);
    this.#writeDropZone();
    this.#showStatus();
    this.#results.write(words);
    this.#samples.write(words);
  }

  #writeDropZone() {
    this.#dropZone.write(this.#context.words, this.#context.several);
    this.#writeName();
  }

  /** Has the name that the page gives it, with a label or otherwise, in the names of what a screen reader finds here. */
  #writeName() {
    if (!this.isConnected) return;
    // A browser may have none to tell of yet.
    const name = nameWithin(this, [...(this.#internals.labels ?? [])]);
    this.#internals.ariaLabel = name || null;
    this.#dropZone.writeName(name, this.#context.words);
  }
}
