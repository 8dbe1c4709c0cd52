// @ts-check
/**
 * A row of the table, and whose it is.
 *
 * @import { Entry } from './entry.js'
 * @import { ResultList } from './list.js'
 * @import { Thumbnails } from './thumbnails.js'
 * @import { FindingInfo, ModelInfo, Report } from '../protocol.js'
 * @import { Words } from '../words/words.js'
 */

import { icon, make, tint, WARNING } from '../parts/dom.js';
import { alsoPossible, findingWords, foundIn, percent, unlike } from '../words/format.js';
import { warned } from './order.js';
import { SIDE } from './thumbnails.js';

/** Shows one entry, then perhaps another. */
export class Row {
  #picture = make('canvas', {
    class: 'row-picture',
    part: 'row-picture',
    width: String(SIDE),
    height: String(SIDE),
    'aria-hidden': 'true',
    'data-empty': true,
  });
  #folders = make('bdi', { class: 'row-folders' });
  #file = make('bdi', { class: 'row-file' });
  // A path goes from left to right in every language.
  #title = make('span', { class: 'row-name', role: 'rowheader' }, this.#picture, make('span', { class: 'row-path', dir: 'ltr' }, this.#folders, this.#file));
  #finding = make('span', { class: 'row-finding', part: 'row-finding', role: 'gridcell' });
  #probability = make('span', { class: 'row-probability', role: 'gridcell' });
  #note = make('span', { class: 'row-note', role: 'gridcell' });
  #state = make('span', { class: 'row-state', part: 'row-state', role: 'gridcell' });

  #list;
  #thumbnails;

  /**
   * @param {number} index among the rows of the grid, of which the head is 1
   * @param {Entry} entry
   * @param {ResultList} list
   * @param {Thumbnails<Entry>} thumbnails
   */
  constructor(index, entry, list, thumbnails) {
    this.entry = entry;
    this.#list = list;
    this.#thumbnails = thumbnails;
    this.element = make(
      'div',
      { class: 'row', part: 'row', role: 'row', 'aria-rowindex': String(index), 'aria-selected': 'false', tabindex: '-1' },
      this.#title,
      this.#finding,
      this.#probability,
      this.#note,
      this.#state,
    );
    this.show(entry);
  }

  /** @param {Entry} entry */
  show(entry) {
    this.entry = entry;
    this.write();
  }

  /** Writes what the entry is called and what has become of it. */
  write() {
    const { words } = this.#list;
    const label = this.#list.labelOf(this.entry);
    const file = label.lastIndexOf('/', label.length - 2) + 1;
    this.#folders.textContent = label.slice(0, file);
    this.#file.textContent = label.slice(file);
    this.#title.title = this.entry.name;
    this.#thumbnails.draw(this.entry, this.#picture);
    const { outcome } = this.entry;
    const { state } = outcome;
    this.element.dataset.state = state;
    this.#state.textContent = words.text(`state.${state}`);
    const message = state === 'error' ? words.fault(outcome.error).message : state === 'done' && unlike(outcome.report) ? words.text('result.unlike') : null;
    const report = state === 'done' ? outcome.report : null;
    this.element.toggleAttribute('data-warned', warned(this.entry));
    // A sentence goes across the columns.
    this.element.toggleAttribute('data-sentence', message !== null);
    this.#finding.toggleAttribute('aria-colspan', false);
    if (message !== null) this.#finding.setAttribute('aria-colspan', '3');
    this.#probability.hidden = this.#note.hidden = message !== null;
    const model = state === 'done' ? outcome.ready.model : {};
    const found = report && message === null ? foundIn(report, model) : null;
    tint(this.#finding, found?.colour);
    this.#finding.replaceChildren(make('bdi', {}, message ?? (found ? findingWords(words, found) : '')));
    this.#finding.title = message ?? '';
    this.#probability.textContent = report && message === null ? percent(words, report.probabilities[report.finding]) : '';
    this.#writeNote(report && message === null ? report : null, model, words);
  }

  /** @param {Pick<Report, 'cautions' | 'dicom' | 'finding' | 'probabilities' | 'prediction_set'> | null} report @param {ModelInfo} model @param {Words} words */
  #writeNote(report, model, words) {
    const [caution] = report?.cautions ?? [];
    const others = report && !caution ? alsoPossible(report, model) : null;
    // What a narrow table, which has no headings, says before it; there it says nothing of nothing else.
    if (others?.length) this.#note.dataset.label = words.text('note.label');
    else delete this.#note.dataset.label;
    this.#note.toggleAttribute('data-nothing', others?.length === 0);
    if (report && caution) {
      const text = words.caution(caution, report.dicom);
      this.#note.title = text;
      return this.#note.replaceChildren(icon(WARNING, 'note-icon'), text);
    }
    this.#note.title = '';
    this.#note.textContent = others ? setNote(words, others) : '';
  }
}

/** What else the image may show. @param {Words} words @param {FindingInfo[]} others */
function setNote(words, others) {
  return others.length > 0
    ? words.either(others.map((other) => words.known('finding', other.id) ?? words.apart(findingWords(words, other))))
    : words.text('note.nothing');
}
