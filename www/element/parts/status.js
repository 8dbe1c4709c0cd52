// @ts-check
/**
 * The line below the drop zone: what the classifier is doing, where it runs, or why it did not start.
 *
 * @import { Pool } from '../classifier/pool.js'
 * @import { Fault, Progress, Ready } from '../protocol.js'
 * @import { Words } from '../words/words.js'
 */

import { assets } from '../download.js';
import { deviceWords, share, wholePercent } from '../words/format.js';
import { faultDetails, folded } from './details.js';
import { make } from './dom.js';

/** Where the figures of the model are, beside the worker. */
const FIGURES = 'docs/model-card.html';

/** Shows one state after the other. */
export class Status {
  element = make('div', { class: 'status', part: 'status' });
  #actions;

  /** @param {{ start(): void, copyDiagnostics(button: HTMLElement): void }} actions what its buttons do */
  constructor(actions) {
    this.#actions = actions;
  }

  /** @param {Pool['state']} state @param {Words} words @param {string | null} point the operating point that is asked for */
  show(state, words, point) {
    this.element.dataset.phase = state.phase;
    if (state.phase === 'loading') this.#showProgress(state.progress, words);
    else if (state.phase === 'ready') this.element.replaceChildren(...readyWords(words, state.ready, point), this.#details(state.ready, words));
    else if (state.phase === 'failed') this.element.replaceChildren(this.#fault(state.error, words));
    else this.element.replaceChildren(make('p', { class: 'status-line' }, words.text('status.idle')));
  }

  /** Kept between calls: a bar that is replaced cannot move. @param {Progress | null} progress @param {Words} words */
  #showProgress(progress, words) {
    let bar = /** @type {HTMLElement | null} */ (this.element.querySelector('.progress'));
    if (!bar) {
      bar = make('div', { class: 'progress', part: 'progress', role: 'progressbar' }, make('span', { class: 'progress-fill' }));
      this.element.replaceChildren(make('p', { class: 'status-line' }), bar);
    }
    const line = /** @type {HTMLElement} */ (this.element.querySelector('.status-line'));
    const known = progress?.stage === 'download' && progress.total !== null;
    bar.setAttribute('aria-label', words.text('status.preparingLabel'));
    if (progress?.stage === 'download') line.textContent = words.text('status.downloading', { share: share(words, progress.loaded, progress.total) });
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

  /** @param {Fault} error @param {Words} words */
  #fault(error, words) {
    const { message, advice, code, told } = words.fault(error);
    return make(
      'div',
      { class: 'fault', part: 'error', role: 'alert' },
      make(
        'div',
        {},
        make('p', { class: 'fault-message' }, message),
        make('p', { class: 'fault-advice' }, advice),
        faultDetails(words, code, told, this.#copier(words)),
      ),
      button(words.text('again'), {}, () => this.#actions.start()),
    );
  }

  /** @param {Ready} ready @param {Words} words */
  #details(ready, words) {
    const { device, model } = ready;
    const reason = device === 'cpu' && !happened(ready) ? words.fallback(ready) : '';
    const facts = [words.text('status.runsOn', { device: deviceWords(words, device) }), reason, model.id ?? ''];
    return folded(words, 'details.classifier', ...facts.filter(Boolean).map((fact) => make('p', {}, make('bdi', {}, fact))), this.#copier(words));
  }

  /** Copies the diagnostics when it is clicked. @param {Words} words */
  #copier(words) {
    const copier = button(words.text('diagnostics.copy'), { part: 'diagnostics' }, () => this.#actions.copyDiagnostics(copier));
    copier.classList.add('copier');
    return copier;
  }
}

/** Whether the fallback has happened while it ran, and is no lack of the browser. @param {Ready} ready */
function happened({ fallbackCode }) {
  return fallbackCode === 'webgpu-stopped';
}

/** @param {Words} words @param {Ready} ready @param {string | null} point */
function readyWords(words, ready, point) {
  const { tests } = ready.model;
  const test = (tests?.find((test) => test.operating_point === point) ?? tests?.[0])?.accuracy;
  return [
    make('p', { class: 'status-line' }, make('span', { class: 'lamp', 'aria-hidden': 'true' }), make('strong', {}, words.text('status.ready'))),
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
    ...(happened(ready) ? [make('p', { class: 'status-reason' }, ready.device === 'cpu' ? words.fallback(ready) : '')] : []),
  ];
}

/** @param {string} text @param {Record<string, string>} attributes @param {() => void} act */
function button(text, attributes, act) {
  const made = make('button', { type: 'button', class: 'again', ...attributes }, text);
  made.addEventListener('click', act);
  return made;
}
