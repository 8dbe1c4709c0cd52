// @ts-check
/**
 * The images as a table, where there are several: a row for each, how far reading has come, and what to show in which order.
 *
 * It is a grid whose rows are what is chosen: one stop for the tabulator, arrows within, and each row is read out as a whole
 * under the headings of its columns.
 *
 * @import { FindingInfo, ModelInfo, Report } from '../protocol.js'
 * @import { SortKey } from './order.js'
 * @import { Entry, ResultList, Watcher } from './list.js'
 * @import { Key, Words } from '../words/words.js'
 */

import { icon, make, tint, viewOf, WARNING } from '../parts/dom.js';
import { guarded } from './export.js';
import { alsoPossible, findingsOf, findingWords, foundIn, percent, unlike } from '../words/format.js';
import { DIRECTIONS, reportOf, sorted, SORTS, warned } from './order.js';
import { SIDE, Thumbnails } from './thumbnails.js';
import { translate } from '../words/words.js';

/** Rows that are shown until more are asked for: a browser takes 50 kB to lay out each of a long table. */
const SHOWN = 100;

/** How long changes are gathered before they are shown, in milliseconds. */
const GATHER = 100;

/** How often rows change their places while results come in, in milliseconds: a row should stay under the pointer. */
const SETTLE = 1000;

/** Rows that PageUp and PageDown pass over. */
const PAGE = 10;

/** Answers that the time left is reckoned from. */
const PACE = 30;

/** Fewer images than this are found without sorting and filtering. */
const FEW = 5;

const REVERSE = 'M8 4v16m0 0-4-4m4 4 4-4M16 20V4m0 0-4 4m4-4 4 4';
const SORTED = 'm7 14 5-5 5 5';

/** The columns, and the order that each heading asks for. @type {Array<['name' | 'finding' | 'probability' | 'note' | 'state', SortKey | null]>} */
const COLUMNS = [
  ['name', 'name'],
  ['finding', 'finding'],
  ['probability', 'probability'],
  ['note', null],
  ['state', null],
];

/** What the value of a choice begins with that is of a finding; its id follows. */
const OF_FINDING = 'finding ';

/** The images of a kind that is no finding, by the value of the choice. @type {Record<string, (entry: Entry) => boolean>} */
const KINDS = {
  all: () => true,
  warnings: (entry) => warned(entry),
  errors: ({ outcome }) => outcome.state === 'error',
  waiting: ({ outcome }) => outcome.state !== 'error' && outcome.state !== 'done',
};

/** @implements {Watcher} */
export class ResultTable {
  #list;
  /** The rows from the top; they stay where they are, and what they show changes. @type {Row[]} */
  #places = [];
  /** The row of each entry on show. @type {Map<Entry, Row>} */
  #rows = new Map();
  /** What is on show, in its order; more of it than there are rows. @type {Entry[]} */
  #view = [];
  #shown = SHOWN;
  /** Those whose rows have to be written. @type {Set<Entry>} */
  #stale = new Set();
  /** @type {Thumbnails<Entry>} */
  #thumbnails = new Thumbnails();
  /** What the rows leave out of the names. */
  #within = '';
  /** @type {number | undefined} */
  #timer;
  #settled = 0;
  /** @type {{ key: SortKey, direction: 1 | -1 }} */
  #order = { key: 'added', direction: 1 };
  /** When the last answers came. @type {number[]} */
  #answers = [];

  #tally = make('p', { class: 'tally' });
  #bar = make('div', { class: 'progress', role: 'progressbar', 'data-words-label': 'tally.label', 'aria-valuemin': '0' });
  #cancel = button('cancel', 'cancel');
  #proceed = button('proceed', 'proceed');
  #kind = make(
    'select',
    { class: 'pick' },
    ...Object.keys(KINDS).map((kind) => make('option', { value: kind, 'data-words': `filter.${kind}` })),
  );
  /** The findings that any of the images was compared with, and the choice of each. @type {Map<string, { finding: FindingInfo, option: HTMLElement }>} */
  #findings = new Map();
  #name = make('input', { type: 'search', class: 'pick', autocomplete: 'off', spellcheck: 'false' });
  #sort = make('select', { class: 'pick' }, ...SORTS.map((key) => make('option', { value: key, 'data-words': `sort.${key}` })));
  #reverse = make(
    'button',
    { type: 'button', class: 'again small reverse', 'data-words-label': 'sort.reverse', 'aria-pressed': 'false' },
    icon(REVERSE, 'reverse-icon'),
  );
  #finders = make(
    'div',
    { class: 'finders', part: 'finders' },
    field('filter.label', this.#kind),
    make('div', { class: 'sorting' }, field('sort.label', this.#sort), this.#reverse),
    field('filter.name', this.#name),
  );
  #xlsx = button('export.xlsx', 'export');
  #csv = button('export.csv', 'export');
  #json = button('export.json', 'export');
  #failed = make('p', { class: 'export-failed', role: 'alert', 'data-words': 'export.failed', hidden: true });
  #heads = COLUMNS.map(([column, key]) => {
    const words = make('span', { 'data-words': `column.${column}` });
    return make(
      'span',
      { class: `row-${column}`, role: 'columnheader', 'aria-sort': key !== null && 'none' },
      key === null ? words : make('button', { type: 'button', class: 'heading', 'data-sort': key, tabindex: '-1' }, words, icon(SORTED, 'sorted')),
    );
  });
  #body = make('div', { class: 'row-group', role: 'rowgroup' });
  #empty = make('p', { class: 'nothing', 'data-words': 'filter.empty', hidden: true });
  #grid = make(
    'div',
    { class: 'rows', part: 'rows', role: 'grid', 'data-words-label': 'list.label' },
    make('div', { class: 'head', role: 'rowgroup' }, make('div', { class: 'row-head', role: 'row', 'aria-rowindex': '1' }, ...this.#heads)),
    this.#body,
  );
  #more = make('button', { type: 'button', class: 'again small more', part: 'more', hidden: true });
  element = make(
    'div',
    { class: 'list', part: 'list' },
    make(
      'div',
      { class: 'toolbar', part: 'toolbar' },
      make('div', { class: 'batch' }, this.#tally, this.#cancel, this.#proceed, make('div', { class: 'savers' }, this.#xlsx, this.#csv, this.#json)),
      this.#bar,
      this.#failed,
      this.#finders,
    ),
    this.#grid,
    this.#empty,
    this.#more,
  );

  /** @param {ResultList} list */
  constructor(list) {
    this.#list = list;
    const { actions } = list;
    this.#bar.append(make('span', { class: 'progress-fill' }));
    this.#cancel.addEventListener('click', () => {
      actions.cancel();
      this.#refresh();
      this.#proceed.focus();
    });
    this.#proceed.addEventListener('click', () => {
      actions.proceed();
      this.#refresh();
      this.#cancel.focus();
    });
    for (const [saver, format] of /** @type {const} */ ([
      [this.#xlsx, 'xlsx'],
      [this.#csv, 'csv'],
      [this.#json, 'json'],
    ]))
      saver.addEventListener('click', () =>
        actions.save(format).then(
          () => (this.#failed.hidden = true),
          () => (this.#failed.hidden = false),
        ),
      );
    this.#kind.addEventListener('change', () => this.#find());
    this.#name.addEventListener('input', () => this.#find());
    this.#sort.addEventListener('change', () => this.#sortBy(/** @type {SortKey} */ (this.#sort.value)));
    this.#reverse.addEventListener('click', () => this.#sortBy(this.#order.key));
    this.#grid.addEventListener('click', ({ target }) => {
      if (!(target instanceof Element)) return;
      const heading = /** @type {HTMLElement | null} */ (target.closest('.heading'));
      if (heading) return this.#sortBy(/** @type {SortKey} */ (heading.dataset.sort));
      const entry = this.#entryOf(target.closest('.row'));
      if (entry) this.#list.choose(entry);
    });
    this.#body.addEventListener('keydown', (event) => {
      if (event.key === 'Delete') return this.#removeFocused();
      const to = this.#target(event);
      if (!to) return;
      event.preventDefault();
      this.#list.choose(to);
      this.#rows.get(to)?.element.focus();
    });
    this.#grid.addEventListener('copy', (event) => this.#copy(event));
    this.#more.addEventListener('click', () => {
      this.#shown += SHOWN;
      this.#render();
    });
    for (const entry of list.entries) this.#learn(entry);
    this.write(list.words);
  }

  /** @param {Words} words */
  write(words) {
    translate(this.element, words);
    for (const { finding, option } of this.#findings.values()) option.textContent = findingWords(words, finding);
    for (const row of this.#rows.values()) row.write();
    this.#refresh();
  }

  /** Takes what an entry brings: a small picture, and findings that have not been met. @param {Entry} entry */
  #learn(entry) {
    this.#picture(entry);
    const { outcome } = entry;
    if (outcome.state !== 'done') return;
    for (const finding of findingsOf(outcome.report, outcome.ready.model)) {
      if (this.#findings.has(finding.id)) continue;
      const option = make('option', { value: OF_FINDING + finding.id }, findingWords(this.#list.words, finding));
      // After "All images" and the findings met before.
      this.#kind.children[this.#findings.size].after(option);
      this.#findings.set(finding.id, { finding, option });
    }
  }

  /** Whether an entry is of the kind that is chosen. @param {Entry} entry */
  #ofKind(entry) {
    const { value } = this.#kind;
    if (!value.startsWith(OF_FINDING)) return KINDS[value](entry);
    return reportOf(entry)?.finding === value.slice(OF_FINDING.length);
  }

  /** @param {Entry[]} entries */
  added(entries) {
    for (const entry of entries) this.#learn(entry);
    this.#refresh();
    this.#grid.scrollTop = 0;
  }

  /** Removes the row that has the focus, which goes to the one that takes its place. */
  #removeFocused() {
    const entry = this.#focused();
    if (!entry) return;
    const at = this.#view.indexOf(entry);
    this.#list.actions.remove(entry);
    const next = this.#view[Math.min(at, this.#view.length - 1)];
    if (!next) return;
    this.#list.choose(next);
    this.#rows.get(next)?.element.focus();
  }

  /** @param {Entry} entry */
  removed(entry) {
    this.#stale.delete(entry);
    this.#thumbnails.delete(entry);
    this.#refresh();
  }

  /** Makes its small picture while there is a large one. @param {Entry} entry */
  #picture(entry) {
    const { outcome } = entry;
    if (outcome.state === 'done' && outcome.picture) this.#thumbnails.add(entry, outcome.picture);
    // That of other bytes is not beside a report of these.
    else if (outcome.state !== 'done') this.#thumbnails.delete(entry);
  }

  /** @param {Entry} entry */
  changed(entry) {
    this.#learn(entry);
    this.#stale.add(entry);
    if (entry.outcome.state === 'done' || entry.outcome.state === 'error') {
      this.#answers.push(performance.now());
      if (this.#answers.length > PACE) this.#answers.shift();
    }
    this.#timer ||= viewOf(this.element).setTimeout(() => this.#gathered(), GATHER);
  }

  chosen() {
    this.#mark();
  }

  cleared() {
    this.#stale.clear();
    this.#thumbnails.clear();
    this.#answers = [];
    this.#shown = SHOWN;
    this.#refresh();
  }

  /** Shows what has changed. */
  #gathered() {
    this.#timer = undefined;
    this.#writeStale();
    this.#writeTally();
    const { waiting, working } = this.#list.counts();
    const moves = this.#kind.value !== 'all' || !['added', 'name'].includes(this.#order.key);
    if (!moves) return;
    const now = performance.now();
    if (waiting + working > 0 && now - this.#settled < SETTLE) this.#timer = viewOf(this.element).setTimeout(() => this.#gathered(), SETTLE);
    else this.#render();
  }

  /** Shows everything anew. */
  #refresh() {
    this.#writeStale();
    this.#writeTally();
    this.#render();
  }

  #writeStale() {
    const { within } = this.#list;
    if (within !== this.#within) for (const row of this.#rows.values()) row.write();
    else for (const entry of this.#stale) this.#rows.get(entry)?.write();
    this.#within = within;
    this.#stale.clear();
  }

  /** Another choice of what to show begins at its beginning. */
  #find() {
    this.#shown = SHOWN;
    this.#render();
    this.#grid.scrollTop = 0;
  }

  /** Sorts; by what it is sorted by already, the other way round. @param {SortKey} key */
  #sortBy(key) {
    const { key: before, direction } = this.#order;
    this.#order = { key, direction: key === before ? (direction === 1 ? -1 : 1) : DIRECTIONS[key] };
    this.#sort.value = key;
    this.#reverse.setAttribute('aria-pressed', String(this.#order.direction !== DIRECTIONS[key]));
    for (const [at, [, own]] of COLUMNS.entries())
      if (own) this.#heads[at].setAttribute('aria-sort', own !== key ? 'none' : this.#order.direction === 1 ? 'ascending' : 'descending');
    this.#find();
  }

  #render() {
    this.#settled = performance.now();
    const { entries, words } = this.#list;
    const named = this.#name.value.trim().toLocaleLowerCase(words.lang);
    this.#view = sorted(
      entries.filter((entry) => this.#ofKind(entry) && (!named || entry.name.toLocaleLowerCase(words.lang).includes(named))),
      this.#order,
      words.lang,
      [...this.#findings.keys()],
    );
    const shown = this.#view.slice(0, this.#shown);
    this.#place(shown);
    this.#grid.setAttribute('aria-rowcount', String(this.#view.length + 1));
    this.#empty.hidden = this.#view.length > 0;
    this.#finders.hidden = entries.length < FEW;
    const count = this.#view.length - shown.length;
    this.#more.hidden = count <= 0;
    if (count > 0) this.#more.textContent = words.text('list.more', { some: Math.min(count, SHOWN), count });
    this.#mark();
  }

  /** Has the rows show these, one each. @param {Entry[]} entries */
  #place(entries) {
    const focused = this.#focused();
    for (const [at, entry] of entries.entries()) {
      const row = this.#places[at];
      if (row && row.entry !== entry) row.show(entry);
      if (!row) this.#places.push(new Row(at + 2, entry, this.#list, this.#thumbnails));
    }
    for (const { element } of this.#places.splice(entries.length)) element.remove();
    this.#body.append(...this.#places.slice(this.#body.childElementCount).map(({ element }) => element));
    this.#rows = new Map(this.#places.map((row) => [row.entry, row]));
    // The focus goes where its entry goes.
    if (focused && focused !== this.#focused()) this.#rows.get(focused)?.element.focus({ preventScroll: true });
  }

  /** The entry whose row has the focus. */
  #focused() {
    return this.#entryOf(this.#body.querySelector(':focus'));
  }

  /** Marks the row that is chosen. One row is the stop for the tabulator, however many there are. */
  #mark() {
    const { chosen } = this.#list;
    const [first] = this.#view;
    const stop = chosen && this.#rows.has(chosen) ? chosen : first;
    for (const [entry, { element }] of this.#rows) {
      const [selected, index] = [String(entry === chosen), entry === stop ? 0 : -1];
      // Writing what is there already costs as much as a change.
      if (element.ariaSelected !== selected) element.ariaSelected = selected;
      if (element.tabIndex !== index) element.tabIndex = index;
    }
  }

  #writeTally() {
    const { words, entries } = this.#list;
    const { waiting, working, cancelled, absent, error, done } = this.#list.counts();
    const open = waiting + working;
    const said = [];
    if (open > 0) {
      said.push(words.text('tally.running', { read: done + error, count: entries.length }));
      said.push(...this.#left(waiting, words));
    } else {
      const warnings = entries.filter(warned).length;
      said.push(words.text('tally.read', { count: done }));
      for (const [key, count] of /** @type {const} */ ([
        ['tally.errors', error],
        ['tally.warnings', warnings],
        ['tally.cancelled', cancelled],
        ['tally.absent', absent],
      ]))
        if (count > 0) said.push(words.text(key, { count }));
      this.#answers = [];
    }
    this.#tally.replaceChildren(...said.map((text) => make('span', { class: 'fact' }, text)));
    this.#bar.hidden = open === 0;
    this.#bar.setAttribute('aria-valuemax', String(entries.length));
    this.#bar.setAttribute('aria-valuenow', String(done + error));
    this.#bar.setAttribute('aria-valuetext', said[0]);
    this.#bar.style.setProperty('--portion', String((done + error) / Math.max(1, entries.length)));
    const left = waiting === 0 && this.#cancel.matches(':focus');
    this.#cancel.hidden = waiting === 0;
    this.#proceed.hidden = cancelled === 0 || waiting > 0;
    this.#xlsx.disabled = this.#csv.disabled = this.#json.disabled = done + error === 0;
    // Whoever stood on a button that goes is led to the next.
    if (left) (this.#proceed.hidden ? this.#xlsx : this.#proceed).focus();
  }

  /** Copies rows as columns: those that the selection goes over, or without one the row that has the focus. @param {ClipboardEvent} event */
  #copy(event) {
    const root = /** @type {ShadowRoot & { getSelection?: () => Selection | null }} */ (this.#grid.getRootNode());
    const selection = root.getSelection?.() ?? document.getSelection();
    const focused = this.#focused();
    const rows = selection && !selection.isCollapsed
      ? this.#places.filter(({ element }) => selection.containsNode(element, true))
      : focused ? this.#places.filter(({ entry }) => entry === focused) : [];
    // A part of one cell is copied as it is.
    if (rows.length === 0 || (rows.length === 1 && selection && !selection.isCollapsed)) return;
    const cells = rows.map(({ element }) => [...element.children].map(({ textContent }) => textContent ?? ''));
    event.preventDefault();
    event.clipboardData?.setData('text/plain', cells.map((row) => row.map((text) => guarded(text.replace(/\s+/g, ' '))).join('\t')).join('\n'));
    const table = make('table', {}, ...cells.map((row) => make('tr', {}, ...row.map((text) => make('td', {}, guarded(text))))));
    event.clipboardData?.setData('text/html', table.outerHTML);
  }

  /** How long it will take, once there is something to reckon it from. @param {number} waiting @param {Words} words */
  #left(waiting, words) {
    const count = this.#answers.length;
    if (waiting === 0 || count < 5) return [];
    const each = (performance.now() - this.#answers[0]) / (count - 1);
    const seconds = (waiting * each) / 1000;
    return [
      seconds > 55
        ? words.text('tally.minutes', { count: Math.ceil(seconds / 60) })
        : words.text('tally.seconds', { count: Math.max(5, Math.ceil(seconds / 5) * 5) }),
    ];
  }

  /** @param {Element | null} row */
  #entryOf(row) {
    return row ? this.#places.find(({ element }) => element === row)?.entry : undefined;
  }

  /** The entry that a key leads to, of those that have rows. @param {KeyboardEvent} event @returns {Entry | undefined} */
  #target({ key, target }) {
    const shown = [...this.#rows.keys()];
    const entry = target instanceof Element ? this.#entryOf(target.closest('.row')) : undefined;
    const here = entry ? shown.indexOf(entry) : -1;
    const last = shown.length - 1;
    const to = {
      ArrowDown: Math.min(here + 1, last),
      ArrowUp: Math.max(here - 1, 0),
      PageDown: Math.min(here + PAGE, last),
      PageUp: Math.max(here - PAGE, 0),
      Home: 0,
      End: last,
      Enter: here,
      ' ': here,
    }[key];
    return to === undefined ? undefined : shown[to];
  }
}

/** A row, and whose it is. */
class Row {
  #picture = make('canvas', { class: 'row-picture', part: 'row-picture', width: String(SIDE), height: String(SIDE), 'aria-hidden': 'true' });
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
    this.element.toggleAttribute('data-warned', report !== null && (unlike(report) || (report.cautions ?? []).length > 0));
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
    if (report && caution) {
      const text = words.caution(caution, report.dicom);
      this.#note.title = text;
      return this.#note.replaceChildren(icon(WARNING, 'note-icon'), text);
    }
    this.#note.title = '';
    this.#note.textContent = report ? setNote(words, report, model) : '';
  }
}

/** What else the image may show. @param {Words} words @param {Pick<Report, 'finding' | 'probabilities' | 'prediction_set'>} report @param {ModelInfo} model */
function setNote(words, report, model) {
  const others = alsoPossible(report, model);
  if (!others) return '';
  return others.length > 0 ? words.either(others.map((other) => words.known('finding', other.id) ?? words.apart(findingWords(words, other)))) : words.text('note.nothing');
}

/** @param {Key} words @param {string} part */
function button(words, part) {
  return make('button', { type: 'button', class: 'again small', part, 'data-words': words });
}

/** @param {Key} words @param {HTMLElement} input */
function field(words, input) {
  return make('label', { class: 'field' }, make('span', { 'data-words': words }), input);
}
