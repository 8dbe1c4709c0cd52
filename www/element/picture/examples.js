// @ts-check
/**
 * What textbooks call typical of each finding, drawn, to hold a picture against. Drawings and not radiographs: no patient's
 * image is needed, and nobody can take one for what the network has seen.
 *
 * @import { Finding, FindingInfo } from '../protocol.js'
 * @import { Words } from '../words/words.js'
 */

import { draw, make } from '../parts/dom.js';
import { findingWords } from '../words/format.js';

/** Lines and patches of a chest of 100 by 100, from in front: the patient's right is on the left. By the class that styles them. */
const CHEST = [
  ['body', 'M0 100V44Q2 28 22 22L40 15V0H60V15L78 22Q98 28 100 44V100Z'],
  ['lung', 'M42 22C33 20 25 32 20 48C16 61 14 72 15 80Q28 70 45 78C46 62 46 42 44 28Q43.5 23 42 22Z'],
  ['lung', 'M58 22C67 20 75 32 80 48C84 61 86 73 85 83Q73 74 62 81C68 72 66 62 58 55C55 47 55 36 56 28Q56.5 23 58 22Z'],
  ['rib', 'M46 30Q30 26 22 42M46 40Q28 36 18 53M46 50Q27 46 16 64M46 60Q28 56 15 74M46 70Q30 66 18 80'],
  ['rib', 'M54 30Q70 26 78 42M54 40Q72 36 82 53M54 50Q73 46 84 64M54 60Q72 56 85 74M54 70Q70 66 82 80'],
  ['bone', 'M48 24Q34 19 18 25M52 24Q66 19 82 25'],
  ['spine', 'M50 0V100'],
  ['heart', 'M47 52C43 60 42 72 45 80H62C70 76 68 62 58 54Q52 48 47 52Z'],
];

/** What a finding adds, by the ids that we have drawings of. @type {ReadonlyMap<string, string[][]>} */
const SIGNS = new Map([
  ['Normal', []],
  [
    'Lung_Opacity',
    [
      ['patch', 'M21 60C20 52 29 49 35 53C42 56 42 66 37 71C30 76 20 72 21 60Z'],
      ['core', 'M25 61C25 56 31 54 35 58C38 62 36 67 31 68C27 68 25 65 25 61Z'],
    ],
  ],
  [
    'Viral Pneumonia',
    [
      ['haze', 'M43 38C32 38 26 50 24 64C30 70 40 68 44 62Z'],
      ['haze', 'M57 38C68 38 74 50 77 64C74 70 70 68 66 62Z'],
      ['streak', 'M43 46Q34 40 29 34M43 48Q33 47 25 46M43 50Q33 55 22 60M43 53Q36 61 28 69M43 56Q40 64 37 72M36 43Q31 44 27 40M33 56Q28 62 23 66'],
      ['streak', 'M57 46Q66 40 71 34M57 48Q67 47 75 46M58 50Q68 55 78 60M60 54Q68 61 74 69M66 62Q70 68 73 74M64 43Q69 44 73 40M67 56Q72 62 77 66'],
    ],
  ],
]);

/** The drawing of a finding, by its id or because it means that there is none. @param {FindingInfo} finding */
function drawingOf({ id, role }) {
  return SIGNS.has(id) ? id : role === 'normal' ? 'Normal' : undefined;
}

/** A folded row of drawings with a sentence each, of the findings that there are drawings of. */
export class Examples {
  /** @type {Map<Finding, HTMLElement>} */
  #figures = new Map();
  /** @type {FindingInfo[]} */
  #findings = [];
  #row = make('div', { class: 'example-row' });
  element = make(
    'details',
    { class: 'examples', part: 'examples' },
    make('summary', { 'data-words': 'example.show' }),
    make('p', { 'data-words': 'example.caution' }),
    this.#row,
  );

  /**
   * Sets off the drawing of what was found; `null` hides them all.
   * @param {Finding | null} found @param {FindingInfo[]} findings @param {Words} words
   */
  show(found, findings, words) {
    if (findings !== this.#findings) this.#draw(findings);
    this.element.hidden = found === null || this.#figures.size === 0;
    for (const finding of findings) {
      const figure = this.#figures.get(finding.id);
      if (!figure) continue;
      /** @type {HTMLElement} */ (figure.querySelector('strong')).textContent = findingWords(words, finding);
      figure.toggleAttribute('data-found', finding.id === found);
      if (finding.id === found) figure.setAttribute('aria-current', 'true');
      else figure.removeAttribute('aria-current');
    }
  }

  /** @param {FindingInfo[]} findings */
  #draw(findings) {
    this.#findings = findings;
    this.#figures.clear();
    for (const finding of findings) {
      const drawing = drawingOf(finding);
      const signs = drawing && SIGNS.get(drawing);
      if (!signs) continue;
      const figure = make(
        'figure',
        { class: 'example', part: 'example', 'data-finding': finding.id },
        draw('0 0 100 100', 'example-drawing', [...CHEST, ...signs]),
        make('figcaption', {}, make('strong'), make('span', { 'data-words': `example.${drawing}` })),
      );
      this.#figures.set(finding.id, figure);
    }
    this.#row.replaceChildren(...this.#figures.values());
  }
}
