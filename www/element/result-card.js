// @ts-check
/**
 * The card of the image that is chosen, from waiting to report or error.
 *
 * Its picture and its controls are made once: Chromium 156 keeps inputs that have left the page, and with them what they
 * refer to.
 *
 * @import { Finding, Ready, Report } from './protocol.js'
 * @import { LungError } from './client.js'
 * @import { Entry } from './result-list.js'
 * @import { Key, Words } from './words.js'
 */

import { dicomFacts } from './dicom-facts.js';
import { icon, make } from './dom.js';
import { contrast, contrastScale, paint } from './evidence.js';
import {
  deviceWords,
  duration,
  findingWords,
  FINDINGS,
  megabytes,
  percent,
  setWords,
  unlike,
} from './format.js';
import { translate } from './words.js';

const WARNING = 'M12 9v4m0 4h.01M10.3 3.9 2.6 17.2A2 2 0 0 0 4.3 20.2h15.4a2 2 0 0 0 1.7-3L13.7 3.9a2 2 0 0 0-3.4 0Z';

/** Shows one image at a time. */
export class ResultCard {
  #name = make('bdi');
  #title = make('p', { class: 'card-name', id: 'card-name' }, this.#name);
  #state = make('p', { class: 'card-state' });
  #body = make('div', { class: 'card-body' });
  #viewer = new Viewer();
  element = make(
    'section',
    { class: 'card', part: 'card', 'aria-labelledby': 'card-name' },
    make('div', { class: 'card-head' }, this.#title, this.#state),
    this.#body,
  );

  /** @param {Entry} entry @param {Words} words */
  show({ name, bytes, outcome }, words) {
    this.#name.textContent = this.#title.title = name;
    this.element.dataset.state = outcome.state;
    this.#state.textContent =
      outcome.state === 'waiting' ? words.text('list.waiting') : outcome.state === 'working' ? words.text('list.reading') : '';
    this.#viewer.clear();
    if (outcome.state === 'waiting') this.#body.replaceChildren();
    else if (outcome.state === 'working') this.#body.replaceChildren(...skeleton());
    else if (outcome.state === 'error') this.#body.replaceChildren(fault(words, outcome.error));
    else {
      const { report, evidence, picture, ready } = outcome;
      const doubted = unlike(report);
      this.#body.replaceChildren(
        doubted ? doubt(words, report) : verdict(words, report),
        ...(picture && evidence ? this.#viewer.show(name, picture, doubted ? null : { report, evidence }, words) : []),
        facts(words, report, ready, bytes, picture === null),
      );
    }
  }
}

/** The radiograph under its evidence, and what to show of it. */
class Viewer {
  #base = make('canvas', { class: 'radiograph', role: 'img' });
  #overlay = make('canvas', { class: 'overlay', part: 'overlay', 'aria-hidden': 'true' });
  #frame = make('div', { class: 'frame', part: 'picture' }, this.#base, this.#overlay);
  #shown = make('input', { type: 'checkbox', role: 'switch', checked: true });
  #strength = make('input', { type: 'range', min: '10', max: '100', step: '5', value: '55' });
  /** @type {Map<Finding, HTMLInputElement>} */
  #options = new Map(
    FINDINGS.map((finding) => [finding, make('input', { type: 'radio', name: 'evidence', value: finding })]),
  );
  #choice = make(
    'fieldset',
    { class: 'evidence-choice' },
    make('legend', { 'data-words': 'evidence.for' }),
    make(
      'div',
      { class: 'options' },
      ...FINDINGS.map((finding) =>
        make('label', { class: 'option' }, this.#options.get(finding) ?? '', make('span', { 'data-words': `finding.${finding}` })),
      ),
    ),
    make(
      'div',
      { class: 'strength' },
      make('label', {}, make('span', { 'data-words': 'evidence.strength' }), this.#strength),
      make(
        'div',
        { class: 'legend' },
        make('span', { 'data-words': 'evidence.against' }),
        make('i', { class: 'legend-scale', 'aria-hidden': 'true' }),
        make('span', { 'data-words': 'evidence.inFavour' }),
      ),
    ),
  );
  #controls = make(
    'div',
    { class: 'controls', part: 'controls' },
    make(
      'label',
      { class: 'switch' },
      this.#shown,
      make('span', { class: 'switch-track', 'aria-hidden': 'true' }),
      make('span', { 'data-words': 'evidence.show' }),
    ),
    this.#choice,
  );
  /** @type {Report['evidence'] | null} */
  #evidence = null;

  constructor() {
    for (const [finding, input] of this.#options) input.addEventListener('change', () => this.#paint(finding));
    this.#shown.addEventListener('change', () => this.#apply());
    this.#strength.addEventListener('input', () => this.#apply());
    this.#apply();
  }

  /**
   * What to put on the card: the picture, and with evidence the controls.
   * @param {string} name
   * @param {ImageBitmap} picture
   * @param {{ report: Pick<Report, 'finding'>, evidence: Report['evidence'] } | null} shown
   * @param {Words} words
   */
  show(name, picture, shown, words) {
    const { width, height } = picture;
    this.#base.width = width;
    this.#base.height = height;
    this.#base.setAttribute('aria-label', words.text('picture.label', { name }));
    translate(this.#controls, words);
    // Not a `bitmaprenderer`: in Chromium 156 what is transferred to one is never freed.
    this.#base.getContext('2d')?.drawImage(picture, 0, 0);
    // The frame takes the radiograph's own shape; the map covers all of it, as the network saw it squashed to a square.
    this.#frame.style.setProperty('aspect-ratio', `${width} / ${height}`);
    // A tall radiograph is narrowed rather than scrolled past.
    this.#frame.style.setProperty('max-width', `min(100%, calc(28rem * ${(width / height).toFixed(4)}))`);
    this.#evidence = shown?.evidence ?? null;
    this.#apply();
    if (!shown) return [this.#frame];
    const chosen = this.#options.get(shown.report.finding);
    if (chosen) chosen.checked = true;
    this.#paint(shown.report.finding);
    return [this.#frame, this.#controls];
  }

  /** Forgets the image. */
  clear() {
    this.#evidence = null;
    this.#base.width = this.#base.height = 0;
  }

  /** @param {Finding} finding */
  #paint(finding) {
    if (this.#evidence)
      paint(this.#overlay, contrast(this.#evidence, finding), contrastScale(this.#evidence));
  }

  #apply() {
    this.#overlay.hidden = !this.#shown.checked || !this.#evidence;
    this.#choice.disabled = !this.#shown.checked;
    this.#overlay.style.setProperty('opacity', String(this.#strength.valueAsNumber / 100));
  }
}

function skeleton() {
  return [
    make('div', { class: 'skeleton-lines' }, make('i'), make('i'), make('i'), make('i')),
    make('div', { class: 'skeleton' }),
  ];
}

/** @param {Words} words @param {LungError} error */
function fault(words, error) {
  const { message, advice, told } = words.fault(error);
  return make(
    'div',
    { class: 'fault', part: 'error' },
    icon(WARNING, 'fault-icon'),
    make(
      'div',
      {},
      make('p', { class: 'fault-message' }, message),
      make('p', { class: 'fault-advice' }, advice),
      ...faultDetails(words, error.code, told),
    ),
  );
}

/**
 * What helps whoever is asked for help: the code, and in another language what was told in English.
 * @param {Words} words
 * @param {string} code
 * @param {string} [told]
 */
export function faultDetails(words, code, told) {
  return [
    make('p', { class: 'fault-code' }, words.text('code', { code })),
    ...(told === undefined
      ? []
      : [make('p', { class: 'fault-code' }, words.text('told'), ' ', make('bdi', { lang: 'en' }, told))]),
  ];
}

/** @param {Words} words @param {Omit<Report, 'evidence'>} report */
function verdict(words, report) {
  return make(
    'div',
    { class: 'verdict-side' },
    ...dicomFacts(words, report),
    make(
      'p',
      { class: 'verdict', part: 'finding', 'data-finding': report.finding },
      make('span', { class: 'verdict-label' }, words.text('result.mostLikely')),
      make('strong', {}, findingWords(words, report.finding)),
      make('span', { class: 'verdict-value' }, percent(words, report.probabilities[report.finding])),
    ),
    ...(report.prediction_set ? [make('p', { class: 'set', part: 'set' }, setWords(words, report.prediction_set))] : []),
    bars(words, report, report.finding),
  );
}

/** In the place of a verdict, for an image that is unlike those the network knows. @param {Words} words @param {Omit<Report, 'evidence'>} report */
function doubt(words, report) {
  return make(
    'div',
    { class: 'verdict-side' },
    ...dicomFacts(words, report),
    make(
      'div',
      { class: 'doubt', part: 'warning' },
      icon(WARNING, 'doubt-icon'),
      make(
        'div',
        {},
        make('p', { class: 'doubt-title' }, words.text('result.unlike')),
        make('p', {}, words.text('result.unlikeMeans')),
      ),
    ),
    make(
      'details',
      { class: 'all-the-same', part: 'doubted' },
      make('summary', {}, words.text('result.allTheSame')),
      bars(words, report, null),
    ),
  );
}

/** @param {Words} words @param {Omit<Report, 'evidence'>} report @param {Finding | null} found the one to set off */
function bars(words, { probabilities }, found) {
  const rows = FINDINGS.map((finding) => {
    const name = findingWords(words, finding);
    const value = probabilities[finding];
    const fill = make('span', { class: 'bar-fill', part: 'bar-fill' });
    fill.style.setProperty('width', `${(value * 100).toFixed(2)}%`);
    return make(
      'div',
      { class: 'bar', part: 'bar', 'data-finding': finding, 'data-found': finding === found },
      make('span', { class: 'bar-name', 'aria-hidden': 'true' }, name),
      make('span', { class: 'bar-value', 'aria-hidden': 'true' }, percent(words, value)),
      make(
        'div',
        {
          class: 'bar-track',
          role: 'meter',
          'aria-label': name,
          'aria-valuemin': '0',
          'aria-valuemax': '100',
          'aria-valuenow': (value * 100).toFixed(1),
          'aria-valuetext': percent(words, value),
        },
        fill,
      ),
    );
  });
  return make('div', { class: 'bars', part: 'probabilities' }, ...rows);
}

/**
 * @param {Words} words
 * @param {Omit<Report, 'evidence'>} report
 * @param {Ready} ready
 * @param {number} bytes
 * @param {boolean} gone whether the picture is
 */
function facts(words, report, ready, bytes, gone) {
  const { decode_ms, preprocess_ms, inference_ms } = report.timings;
  const time = (/** @type {number} */ ms) => ({ time: duration(words, ms) });
  const parts = [
    ...(decode_ms === undefined ? [] : [words.text('facts.decode', time(decode_ms))]),
    words.text('facts.preprocess', time(preprocess_ms)),
    words.text('facts.inference', time(inference_ms)),
  ].join(words.text('facts.comma'));
  const device = deviceWords(words, report.device);
  const reason = report.device === 'cpu' ? words.fallback(ready) : '';
  const likeness = report.in_distribution;
  const image = imageWords(words, report, bytes);
  const rows = [
    ['facts.time', words.text('facts.times', { whole: duration(words, (decode_ms ?? 0) + preprocess_ms + inference_ms), parts })],
    ['facts.ranOn', reason ? words.text('facts.ranOnBecause', { device, reason }) : device],
    ['facts.image', gone ? words.text('facts.gone', { image }) : image],
    ...(likeness ? [['facts.likeness', words.text('facts.likenessIs', { score: words.number(likeness.score, 2) })]] : []),
    ['facts.model', report.model],
  ];
  return make(
    'dl',
    { class: 'facts', part: 'facts' },
    ...rows.map(([term, value]) =>
      make('div', {}, make('dt', {}, words.text(/** @type {Key} */ (term))), make('dd', {}, make('bdi', {}, value))),
    ),
  );
}

/**
 * `2048 × 1762 pixels, PNG, 16 bit, 1.4 MB, false colour undone`.
 * @param {Words} words
 * @param {Pick<Report, 'source'>} report @param {number} bytes
 */
function imageWords(words, { source }, bytes) {
  return [
    words.text('facts.pixels', { width: String(source.width), height: String(source.height) }),
    source.format.toUpperCase(),
    words.text('facts.bits', { bits: source.bits }),
    megabytes(words, bytes),
    ...(source.false_colour ? [words.text('facts.falseColour')] : []),
  ].join(words.text('facts.comma'));
}
