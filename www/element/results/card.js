// @ts-check
/**
 * The card of the image that is chosen, from waiting to report or error.
 *
 * Its picture and its controls are made once: Chromium 156 keeps inputs that have left the page, and with them what they
 * refer to.
 *
 * @import { Finding, FindingInfo, Ready, Report } from '../protocol.js'
 * @import { LungError } from '../classifier/faults.js'
 * @import { Entry } from './entry.js'
 * @import { Key, Words } from '../words/words.js'
 */

import { dicomFacts } from './dicom-facts.js';
import { faultDetails, folded } from '../parts/details.js';
import { icon, make, tint, WARNING } from '../parts/dom.js';
import {
  alsoPossible,
  deviceWords,
  duration,
  findingsOf,
  findingWords,
  foundIn,
  megabytes,
  percent,
  pointWords,
  predictionSet,
  setSentence,
  setWords,
  unlike,
  wholePercent,
} from '../words/format.js';
import { Viewer } from '../picture/viewer.js';

/** Why an image was read on the CPU that was to be read on WebGPU. */
const HAPPENED = /^webgpu-/;

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
    this.#state.textContent = outcome.state === 'done' || outcome.state === 'error' ? '' : words.text(`state.${outcome.state}`);
    if (outcome.state !== 'done' || !outcome.picture) this.#viewer.clear();
    if (outcome.state === 'waiting' || outcome.state === 'cancelled') this.#body.replaceChildren();
    else if (outcome.state === 'absent') this.#body.replaceChildren(make('p', {}, words.text('kept.absent')));
    else if (outcome.state === 'working') this.#body.replaceChildren(...skeleton());
    else if (outcome.state === 'error') this.#body.replaceChildren(fault(words, outcome.error));
    else {
      const { report, evidence, picture, windowed, ready } = outcome;
      const doubted = unlike(report);
      const findings = findingsOf(report, ready.model);
      this.#body.replaceChildren(
        doubted ? doubt(words, report, findings) : verdict(words, report, ready.model),
        ...(picture ? this.#viewer.show({ name, report, picture, windowed, findings, evidence: doubted ? null : evidence }, words) : []),
        ...(picture ? [] : [make('p', { class: 'gone' }, words.text('picture.gone'))]),
        facts(words, report, ready, bytes),
      );
    }
  }

  /** Shows nothing. */
  clear() {
    this.#name.textContent = this.#title.title = '';
    this.#viewer.clear();
    this.#body.replaceChildren();
  }
}

function skeleton() {
  return [make('div', { class: 'skeleton-lines' }, make('i'), make('i'), make('i'), make('i')), make('div', { class: 'skeleton' })];
}

/** @param {Words} words @param {LungError} error */
function fault(words, error) {
  const { message, advice, code, told } = words.fault(error);
  return make(
    'div',
    { class: 'fault', part: 'error' },
    icon(WARNING, 'fault-icon'),
    make('div', {}, make('p', { class: 'fault-message' }, message), make('p', { class: 'fault-advice' }, advice), faultDetails(words, code, told)),
  );
}

/** @param {Words} words @param {Omit<Report, 'evidence'>} report @param {Ready['model']} model */
function verdict(words, report, model) {
  const found = foundIn(report, model);
  const point = pointWords(words, report, model);
  const sentence = setSentence(words, report, model);
  const unsure = Boolean(alsoPossible(report, model)?.length);
  return make(
    'div',
    { class: 'verdict-side' },
    ...dicomFacts(words, report),
    make(
      'p',
      { class: 'verdict', part: 'finding', 'data-finding': report.finding, 'data-role': found.role ?? false },
      make('span', { class: 'verdict-label' }, words.text('result.mostLikely')),
      make('strong', {}, make('bdi', {}, findingWords(words, found))),
      make('span', { class: 'verdict-value' }, percent(words, report.probabilities[report.finding])),
    ),
    ...(sentence
      ? [make('p', { class: 'set', part: 'sentence', 'data-unsure': unsure, lang: sentence.lang, dir: 'auto' }, sentence.text)]
      : report.prediction_set
        ? [make('p', { class: 'set', part: 'set', 'data-unsure': unsure }, setWords(words, report, model))]
        : []),
    ...(point ? [make('p', { class: 'set', part: 'point' }, point)] : []),
    bars(words, report, findingsOf(report, model), report.finding),
  );
}

/** In the place of a verdict, for an image that is unlike those the network knows. @param {Words} words @param {Omit<Report, 'evidence'>} report @param {FindingInfo[]} findings */
function doubt(words, report, findings) {
  return make(
    'div',
    { class: 'verdict-side' },
    ...dicomFacts(words, report),
    make(
      'div',
      { class: 'doubt', part: 'warning' },
      icon(WARNING, 'doubt-icon'),
      make('div', {}, make('p', { class: 'doubt-title' }, words.text('result.unlike')), make('p', {}, words.text('result.unlikeMeans'))),
    ),
    make('details', { class: 'all-the-same', part: 'doubted' }, make('summary', {}, words.text('result.allTheSame')), bars(words, report, findings, null)),
  );
}

/** @param {Words} words @param {Omit<Report, 'evidence'>} report @param {FindingInfo[]} findings @param {Finding | null} found the one to set off */
function bars(words, { probabilities }, findings, found) {
  const rows = findings.map((finding) => {
    const { id } = finding;
    const name = findingWords(words, finding);
    const value = probabilities[id];
    const label = make('span', { class: 'bar-name', 'aria-hidden': 'true' }, make('bdi', {}, name));
    tint(label, finding.colour);
    const fill = make('span', { class: 'bar-fill', part: 'bar-fill' });
    fill.style.setProperty('width', `${(value * 100).toFixed(2)}%`);
    return make(
      'div',
      { class: 'bar', part: 'bar', 'data-finding': id, 'data-found': id === found },
      label,
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
 * What a machine wants to know of it, folded.
 * @param {Words} words
 * @param {Omit<Report, 'evidence'>} report
 * @param {Ready} ready
 * @param {number} bytes
 */
function facts(words, report, ready, bytes) {
  const { decode_ms, preprocess_ms, inference_ms } = report.timings;
  const time = (/** @type {number} */ ms) => ({ time: duration(words, ms) });
  const parts = [
    ...(decode_ms === undefined ? [] : [words.text('facts.decode', time(decode_ms))]),
    words.text('facts.preprocess', time(preprocess_ms)),
    words.text('facts.inference', time(inference_ms)),
  ].join(words.text('facts.comma'));
  const device = deviceWords(words, report.device);
  // What has happened to this image; what the browser lacks is said of the classifier.
  const reason = report.device === 'cpu' && HAPPENED.test(ready.fallbackCode ?? '') ? words.fallback(ready) : '';
  const likeness = report.in_distribution;
  // What is refused names no finding that could be certain.
  const coverage = unlike(report) ? null : predictionSet(report)?.coverage;
  const repairs = report.cautions?.find(({ code }) => code === 'read-with-repairs');
  const rows = [
    ['facts.time', words.text('facts.times', { whole: duration(words, (decode_ms ?? 0) + preprocess_ms + inference_ms), parts })],
    ['facts.ranOn', reason ? words.text('facts.ranOnBecause', { device, reason }) : device],
    ['facts.image', imageWords(words, report, bytes)],
    ...(likeness ? [['facts.likeness', words.text('facts.likenessIs', { score: words.number(floored(likeness.score), 2) })]] : []),
    ...(report.prediction_set && coverage ? [['facts.certainty', words.text('facts.certaintyIs', { percent: wholePercent(words, coverage) })]] : []),
    ...(repairs ? [['facts.repairs', repairs.message]] : []),
    ['facts.model', report.model],
  ];
  return folded(
    words,
    'details.reading',
    make(
      'dl',
      { class: 'facts', part: 'facts' },
      ...rows.map(([term, value]) => make('div', {}, make('dt', {}, words.text(/** @type {Key} */ (term))), make('dd', {}, make('bdi', {}, value)))),
    ),
  );
}

/** To two digits, but not up to the half below which an image is refused. @param {number} score */
function floored(score) {
  return Math.floor(score * 100 + 1e-5) / 100;
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
