// @ts-check
/**
 * The radiograph under its evidence, and everything it is looked at with.
 *
 * @import { Examples } from './examples.js'
 * @import { Finding, FindingInfo, Report } from '../protocol.js'
 * @import { WindowControl, Windowed } from './window-control.js'
 * @import { Words } from '../words/words.js'
 * @import { Zoom } from './zoom.js'
 */

import { make } from '../parts/dom.js';
import { fetched } from '../parts/fetched.js';
import { contrast, contrastScale, paint } from './evidence.js';
import { findingWords } from '../words/format.js';
import { ENGLISH, translate } from '../words/words.js';

/**
 * What is looked at: `evidence` is null where it means nothing, `windowed` where there are no values but brightness.
 * @typedef {{ name: string, picture: ImageBitmap, report: Pick<Report, 'finding' | 'dicom'>, findings: FindingInfo[],
 *   evidence: Report['evidence'] | null, windowed: Windowed | null }} Image
 */

/** Makes its elements once, for one image after the other. */
export class Viewer {
  #base = make('canvas', { class: 'radiograph', role: 'img', 'aria-describedby': 'evidence-words' });
  #overlay = make('canvas', { class: 'overlay', part: 'overlay', 'aria-hidden': 'true' });
  #plane = make('div', { class: 'plane' }, this.#base, this.#overlay);
  #frame = make('div', { class: 'frame', part: 'picture' }, this.#plane);
  #description = make('p', { class: 'evidence-words', part: 'evidence-words', id: 'evidence-words', 'aria-live': 'polite' });
  #side = make('div', { class: 'viewer' }, this.#frame, this.#description);
  #shown = make('input', { type: 'checkbox', role: 'switch', checked: true });
  #strength = make('input', { type: 'range', min: '10', max: '100', step: '5', value: '55' });
  /** @type {Map<Finding, HTMLInputElement>} */
  #options = new Map();
  /** What there are options of, by their ids. */
  #offered = '';
  #optionRow = make('div', { class: 'options' });
  #choice = make(
    'fieldset',
    { class: 'evidence-choice' },
    make('legend', { 'data-words': 'evidence.for' }),
    this.#optionRow,
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
  /** @type {Image | null} */
  #image = null;
  /** @type {Finding} */
  #finding = '';
  #words = ENGLISH;
  /** @type {Zoom | null} */
  #zoom = null;
  /** @type {WindowControl | null} */
  #window = null;
  /** @type {Examples | null} */
  #examples = null;
  /** @type {typeof import('./evidence-words.js').evidenceWords | null} */
  #describe = null;
  /** The picture that zoom and window are for. @type {ImageBitmap | null} */
  #furnished = null;

  constructor() {
    this.#shown.addEventListener('change', () => this.#apply());
    this.#strength.addEventListener('input', () => this.#apply());
    this.#apply();
  }

  /**
   * What to put on the card: the picture, and with evidence the controls. What is chosen stays while the image is the same.
   * @param {Image} image
   * @param {Words} words
   */
  show(image, words) {
    const same = image.picture === this.#image?.picture;
    // Another operating point has its own evidence for the same picture.
    const weighed = image.evidence !== this.#image?.evidence;
    this.#image = image;
    this.#words = words;
    const { name, picture, report, evidence, findings } = image;
    this.#offer(findings, words);
    this.#base.setAttribute('aria-label', words.text('picture.label', { name }));
    if (!same) {
      this.#base.width = picture.width;
      this.#base.height = picture.height;
      this.#draw(picture);
      // The frame takes the radiograph's own shape; the map covers all of it, as the network saw it squashed to a square.
      this.#frame.style.setProperty('aspect-ratio', `${picture.width} / ${picture.height}`);
      // A tall radiograph is narrowed rather than scrolled past.
      this.#frame.style.setProperty('max-width', `min(100%, calc(28rem * ${(picture.width / picture.height).toFixed(4)}))`);
    }
    if (!same || weighed) {
      this.#finding = report.finding;
      // Each by itself: outside the page, where they are while an image is refused, choosing one leaves the other chosen.
      for (const [finding, input] of this.#options) input.checked = finding === report.finding;
      this.#paint();
    }
    this.#apply();
    translate(this.#controls, words);
    void this.#furnish();
    return evidence ? [this.#side, this.#controls] : [this.#side];
  }

  /** Makes the options anew for another bundle's findings, and writes what they are called. @param {FindingInfo[]} findings @param {Words} words */
  #offer(findings, words) {
    const offered = JSON.stringify(findings.map(({ id }) => id));
    if (offered !== this.#offered) {
      this.#offered = offered;
      this.#options = new Map(findings.map(({ id }) => [id, make('input', { type: 'radio', name: 'evidence', value: id })]));
      for (const [finding, input] of this.#options)
        input.addEventListener('change', () => {
          this.#finding = finding;
          this.#paint();
        });
      this.#optionRow.replaceChildren(...[...this.#options.values()].map((input) => make('label', { class: 'option' }, input, make('span'))));
    }
    for (const [at, label] of [...this.#optionRow.children].entries())
      /** @type {Element} */ (label.lastElementChild).textContent = findingWords(words, findings[at]);
  }

  /** Forgets the image. */
  clear() {
    this.#image = this.#furnished = null;
    this.#base.width = this.#base.height = 0;
    this.#window?.show(null);
  }

  /**
   * Brings what the picture is looked at with. It is fetched with the first picture, because nobody needs it to see what was
   * found; where it does not come, picture and evidence are there all the same.
   */
  async #furnish() {
    const image = this.#image;
    const tools = await Promise.all([
      fetched(import('./zoom.js'), 'picture/zoom.js'),
      fetched(import('./evidence-words.js'), 'picture/evidence-words.js'),
      fetched(import('./examples.js'), 'picture/examples.js'),
      image?.windowed ? fetched(import('./window-control.js'), 'picture/window-control.js') : null,
    ]).catch(() => null);
    if (!tools || !image || image !== this.#image) return;
    const [{ Zoom }, { evidenceWords }, { Examples }, control] = tools;
    this.#describe = evidenceWords;
    if (!this.#zoom) this.#frame.after((this.#zoom = new Zoom(this.#frame, this.#plane)).element);
    if (!this.#examples) this.#description.after((this.#examples = new Examples()).element);
    this.#examples.show(image.evidence ? image.report.finding : null, image.findings, this.#words);
    if (control && !this.#window) this.#side.append((this.#window = new control.WindowControl()).element);
    if (image.picture !== this.#furnished) {
      this.#furnished = image.picture;
      this.#zoom.show();
      this.#showWindow(image);
    }
    translate(this.#side, this.#words);
    this.#zoom.write(this.#words);
    this.#window?.write(this.#words);
    this.#say();
  }

  /** @param {Image} image */
  #showWindow({ windowed, report: { dicom }, picture }) {
    if (!this.#window) return;
    this.#window.element.hidden = !windowed || !dicom;
    this.#window.show(windowed && dicom ? { windowed, dicom, draw: (other) => this.#draw(other ?? picture) } : null);
  }

  /** @param {ImageBitmap} picture */
  #draw(picture) {
    // Not a `bitmaprenderer`: in Chromium 156 what is transferred to one is never freed.
    this.#base.getContext('2d')?.drawImage(picture, 0, 0);
  }

  #paint() {
    const evidence = this.#image?.evidence;
    if (evidence) paint(this.#overlay, contrast(evidence, this.#finding), contrastScale(evidence));
    this.#say();
  }

  /** Says where the evidence is. */
  #say() {
    const { evidence, findings } = this.#image ?? {};
    const finding = findings?.find(({ id }) => id === this.#finding);
    this.#description.textContent = evidence && finding && this.#describe ? this.#describe(this.#words, evidence, finding) : '';
    this.#description.hidden = !evidence;
  }

  #apply() {
    this.#overlay.hidden = !this.#shown.checked || !this.#image?.evidence;
    this.#choice.disabled = !this.#shown.checked;
    this.#overlay.style.setProperty('opacity', String(this.#strength.valueAsNumber / 100));
  }
}
