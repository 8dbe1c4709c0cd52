// @ts-check
/**
 * How far reading has come, and what to do with all images.
 *
 * @import { Entry } from './entry.js'
 * @import { ResultList } from './list.js'
 * @import { Key } from '../words/words.js'
 */

import { make } from '../parts/dom.js';
import { warned } from './order.js';
import { Pace, roughly } from './pace.js';

/** The line above the table. */
export class Tally {
  #list;
  #pace = new Pace();
  #facts = make('p', { class: 'tally' });
  #bar = make(
    'div',
    { class: 'progress', role: 'progressbar', 'data-words-label': 'tally.label', 'aria-valuemin': '0' },
    make('span', { class: 'progress-fill' }),
  );
  #cancel = button('cancel', 'cancel');
  #resume = button('proceed', 'proceed');
  #xlsx = button('export.xlsx', 'export');
  #csv = button('export.csv', 'export');
  #json = button('export.json', 'export');
  #failed = make('p', { class: 'export-failed', role: 'alert', 'data-words': 'export.failed', hidden: true });
  elements = [
    make('div', { class: 'batch' }, this.#facts, this.#cancel, this.#resume, make('div', { class: 'savers' }, this.#xlsx, this.#csv, this.#json)),
    this.#bar,
    this.#failed,
  ];

  /** @param {ResultList} list @param {() => void} changed called after reading was stopped or resumed */
  constructor(list, changed) {
    this.#list = list;
    const { actions } = list;
    this.#cancel.addEventListener('click', () => {
      actions.cancel();
      changed();
      this.#resume.focus();
    });
    this.#resume.addEventListener('click', () => {
      actions.resumeQueue();
      changed();
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
  }

  /** Notes when an entry was answered. @param {Entry} entry */
  changed({ outcome }) {
    if (outcome.state === 'done' || outcome.state === 'error') this.#pace.answered(performance.now());
  }

  cleared() {
    this.#pace.clear();
  }

  write() {
    const { entries } = this.#list;
    const { waiting, working, cancelled, error, done } = this.#list.counts();
    const facts = this.#factsNow();
    this.#facts.replaceChildren(...facts.map((text) => make('span', { class: 'fact' }, text)));
    this.#bar.hidden = waiting + working === 0;
    this.#bar.setAttribute('aria-valuemax', String(entries.length));
    this.#bar.setAttribute('aria-valuenow', String(done + error));
    this.#bar.setAttribute('aria-valuetext', facts[0]);
    this.#bar.style.setProperty('--portion', String((done + error) / Math.max(1, entries.length)));
    const losesFocus = waiting === 0 && this.#cancel.matches(':focus');
    this.#cancel.hidden = waiting === 0;
    this.#resume.hidden = cancelled === 0 || waiting > 0;
    this.#xlsx.disabled = this.#csv.disabled = this.#json.disabled = done + error === 0;
    // Whoever stood on a button that goes is led to the next.
    if (losesFocus) (this.#resume.hidden ? this.#xlsx : this.#resume).focus();
  }

  #factsNow() {
    const { words, entries } = this.#list;
    const { waiting, working, cancelled, absent, error, done } = this.#list.counts();
    if (waiting + working > 0) {
      const seconds = this.#pace.secondsFor(waiting, performance.now());
      const remaining = seconds === null ? null : roughly(seconds);
      return [
        words.text('tally.running', { read: done + error, count: entries.length }),
        ...(remaining ? [words.text(remaining.key, { count: remaining.count })] : []),
      ];
    }
    this.#pace.clear();
    const others = /** @type {const} */ ([
      ['tally.errors', error],
      ['tally.warnings', entries.filter(warned).length],
      ['tally.cancelled', cancelled],
      ['tally.absent', absent],
    ]);
    return [words.text('tally.read', { count: done }), ...others.flatMap(([key, count]) => (count > 0 ? [words.text(key, { count })] : []))];
  }
}

/** @param {Key} words @param {string} part */
function button(words, part) {
  return make('button', { type: 'button', class: 'again small', part, 'data-words': words });
}
