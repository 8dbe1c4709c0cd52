// @ts-check
/**
 * The card of one image, from waiting to report or error.
 *
 * @import { Answer, Finding, Ready, Report } from './protocol.js'
 * @import { LungError } from './client.js'
 */

import { dicomFacts } from './dicom-facts.js';
import { icon, make } from './dom.js';
import { contrast, contrastScale, paint } from './evidence.js';
import { deviceWords, duration, findingWords, FINDINGS, megabytes, percent } from './format.js';

const WARNING = 'M12 9v4m0 4h.01M10.3 3.9 2.6 17.2A2 2 0 0 0 4.3 20.2h15.4a2 2 0 0 0 1.7-3L13.7 3.9a2 2 0 0 0-3.4 0Z';

/** How the evidence is shown. A new card starts the way the last one was left. */
const taste = { shown: true, strength: 55 };

let made = 0;

/** One image's place in the list. */
export class ResultCard {
  #name;
  #size;
  #body = make('div', { class: 'card-body' });
  #state = make('p', { class: 'card-state' });
  /** What was found, in a line. */
  #summary = '';
  /** Lets go of what the controls refer to: Chromium 156 keeps some of them, and with them the picture. */
  #folded = new AbortController();
  /** Tells the radio buttons of one card from those of another. */
  #group = `evidence-${++made}`;

  /** @param {Blob} blob @param {string} name */
  constructor(blob, name) {
    this.#name = name;
    this.#size = blob.size;
    const title = make('p', { class: 'card-name', id: `${this.#group}-name` }, name);
    title.title = name;
    this.element = make(
      'li',
      { class: 'card', part: 'card', 'data-state': 'waiting', 'aria-labelledby': `${this.#group}-name` },
      make('div', { class: 'card-head' }, title, this.#state),
      this.#body,
    );
    this.#show('waiting', 'Waiting');
  }

  /** Its turn has come. */
  working() {
    this.#show(
      'working',
      'Reading…',
      make('div', { class: 'skeleton-lines' }, make('i'), make('i'), make('i'), make('i')),
      make('div', { class: 'skeleton' }),
    );
  }

  /** @param {LungError} error */
  failed(error) {
    this.#show(
      'error',
      '',
      make(
        'div',
        { class: 'fault', part: 'error' },
        icon(WARNING, 'fault-icon'),
        make(
          'div',
          {},
          make('p', { class: 'fault-message' }, error.message),
          make('p', { class: 'fault-advice' }, error.advice),
          make('p', { class: 'fault-code' }, `Code: ${error.code}`),
        ),
      ),
    );
  }

  /** @param {Answer} answer @param {Ready} ready */
  answered({ report, picture }, ready) {
    const pictured = picture ? this.#viewer(report, picture) : [];
    this.#summary = FINDINGS.map(([finding, words]) => `${words} ${percent(report.probabilities[finding])}`).join(', ');
    this.#show('done', '', this.#verdict(report), ...pictured, this.#facts(report, ready));
  }

  /** Shrinks a card far down the list to what was found, so that a thousand of them fit in memory. */
  fold() {
    this.#folded.abort();
    for (const canvas of this.#body.querySelectorAll('canvas')) canvas.width = canvas.height = 0;
    this.#body.replaceChildren(make('p', { class: 'folded', part: 'finding' }, this.#summary));
  }

  /** @param {string} state @param {string} words @param {...Node} content */
  #show(state, words, ...content) {
    this.element.dataset.state = state;
    this.#state.textContent = words;
    this.#body.replaceChildren(...content);
  }

  /** @param {Report} report */
  #verdict(report) {
    const bars = FINDINGS.map(([finding, words]) => {
      const value = report.probabilities[finding];
      const fill = make('span', { class: 'bar-fill', part: 'bar-fill' });
      fill.style.setProperty('width', `${(value * 100).toFixed(2)}%`);
      return make(
        'div',
        { class: 'bar', part: 'bar', 'data-finding': finding, 'data-found': finding === report.finding },
        make('span', { class: 'bar-name', 'aria-hidden': 'true' }, words),
        make('span', { class: 'bar-value', 'aria-hidden': 'true' }, percent(value)),
        make(
          'div',
          {
            class: 'bar-track',
            role: 'meter',
            'aria-label': words,
            'aria-valuemin': '0',
            'aria-valuemax': '100',
            'aria-valuenow': (value * 100).toFixed(1),
            'aria-valuetext': percent(value),
          },
          fill,
        ),
      );
    });
    return make(
      'div',
      { class: 'verdict-side' },
      ...dicomFacts(report),
      make(
        'p',
        { class: 'verdict', part: 'finding', 'data-finding': report.finding },
        make('span', { class: 'verdict-label' }, 'Most likely finding'),
        make('strong', {}, findingWords(report.finding)),
        make('span', { class: 'verdict-value' }, percent(report.probabilities[report.finding])),
      ),
      make('div', { class: 'bars', part: 'probabilities' }, ...bars),
    );
  }

  /**
   * The radiograph under its evidence, and what to show of it.
   * @param {Report} report @param {ImageBitmap} picture
   */
  #viewer(report, picture) {
    const { signal } = this.#folded;
    const base = make('canvas', { class: 'radiograph', role: 'img', 'aria-label': `Radiograph ${this.#name}` });
    const { width, height } = picture;
    base.width = width;
    base.height = height;
    // Not a `bitmaprenderer`: in Chromium 156 what is transferred to one is never freed.
    base.getContext('2d')?.drawImage(picture, 0, 0);
    picture.close();
    const overlay = make('canvas', { class: 'overlay', part: 'overlay', 'aria-hidden': 'true' });
    const frame = make('div', { class: 'frame', part: 'picture' }, base, overlay);
    // The frame takes the radiograph's own shape; the map covers all of it, as the network saw it squashed to a square.
    frame.style.setProperty('aspect-ratio', `${width} / ${height}`);
    // A tall radiograph is narrowed rather than scrolled past.
    frame.style.setProperty('max-width', `min(100%, calc(28rem * ${(width / height).toFixed(4)}))`);

    const scale = contrastScale(report.evidence);
    /** @param {Finding} finding */
    const choose = (finding) => paint(overlay, contrast(report.evidence, finding), scale);
    const options = FINDINGS.map(([finding, words]) => {
      const input = make('input', {
        type: 'radio',
        name: this.#group,
        value: finding,
        checked: finding === report.finding,
      });
      input.addEventListener('change', () => choose(finding), { signal });
      return make('label', { class: 'option' }, input, make('span', {}, words));
    });
    choose(report.finding);

    const shown = make('input', { type: 'checkbox', role: 'switch', checked: taste.shown });
    const strength = make('input', { type: 'range', min: '10', max: '100', step: '5', value: String(taste.strength) });
    const controls = make(
      'fieldset',
      { class: 'evidence-choice' },
      make('legend', {}, 'Evidence for'),
      make('div', { class: 'options' }, ...options),
      make(
        'div',
        { class: 'strength' },
        make('label', {}, 'Strength', strength),
        make(
          'div',
          { class: 'legend' },
          make('span', {}, 'against'),
          make('i', { class: 'legend-scale', 'aria-hidden': 'true' }),
          make('span', {}, 'for'),
        ),
      ),
    );
    const apply = () => {
      overlay.hidden = !taste.shown;
      controls.disabled = !taste.shown;
      overlay.style.setProperty('opacity', String(taste.strength / 100));
    };
    const toggle = () => {
      taste.shown = shown.checked;
      apply();
    };
    shown.addEventListener('change', toggle, { signal });
    const strengthen = () => {
      taste.strength = strength.valueAsNumber;
      apply();
    };
    strength.addEventListener('input', strengthen, { signal });
    apply();
    const onOff = make(
      'label',
      { class: 'switch' },
      shown,
      make('span', { class: 'switch-track', 'aria-hidden': 'true' }),
      'Show where in the image',
    );
    return [frame, make('div', { class: 'controls', part: 'controls' }, onOff, controls)];
  }

  /** @param {Report} report @param {Ready} ready */
  #facts(report, ready) {
    const { decode_ms, preprocess_ms, inference_ms } = report.timings;
    const times = [
      ...(decode_ms === undefined ? [] : [`decode ${duration(decode_ms)}`]),
      `preprocess ${duration(preprocess_ms)}`,
      `inference ${duration(inference_ms)}`,
    ];
    const reason = report.device === 'cpu' && ready.fallback ? `. ${ready.fallback}` : '';
    const facts = [
      ['Time', `${duration((decode_ms ?? 0) + preprocess_ms + inference_ms)} in all: ${times.join(', ')}`],
      ['Ran on', deviceWords(report.device) + reason],
      ['Image', imageWords(report, this.#size)],
      ['Model', report.model],
    ];
    return make(
      'dl',
      { class: 'facts', part: 'facts' },
      ...facts.map(([term, value]) => make('div', {}, make('dt', {}, term), make('dd', {}, value))),
    );
  }
}

/**
 * `2048 × 1762 pixels, PNG, 16 bit, 1.4 MB, false colour undone`.
 * @param {Report} report @param {number} bytes
 */
function imageWords({ source }, bytes) {
  const words = [
    `${source.width} × ${source.height} pixels`,
    source.format.toUpperCase(),
    `${source.bits} bit`,
    megabytes(bytes),
  ];
  if (source.false_colour) words.push('false colour undone');
  return words.join(', ');
}
