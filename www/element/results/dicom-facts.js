// @ts-check
/**
 * What a file says of itself, before what a network says of it: cautions, and the facts of DICOM.
 *
 * @import { DicomFacts, Report } from '../protocol.js'
 * @import { Words } from '../words/words.js'
 */

import { icon, make } from '../parts/dom.js';
import { level } from '../words/format.js';

const CAUTION = 'M12 8v5m0 3h.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z';

/**
 * The cautions and the facts, where there are any.
 * @param {Words} words
 * @param {Pick<Report, 'cautions' | 'dicom'>} report
 * @returns {HTMLElement[]}
 */
export function dicomFacts(words, { cautions = [], dicom }) {
  const nodes = [];
  if (cautions.length > 0)
    nodes.push(
      make(
        'div',
        { class: 'fault cautions', part: 'cautions', role: 'note', 'aria-label': words.text('caution.label') },
        icon(CAUTION, 'fault-icon'),
        make('div', {}, ...cautions.map((caution) => make('p', { 'data-code': caution.code }, words.caution(caution, dicom)))),
      ),
    );
  if (!dicom) return nodes;
  const { modality, body_part, view, laterality, window } = dicom;
  /** @type {Array<[string, string | null | undefined]>} */
  const facts = [
    [words.text('dicom.modality'), modality && (words.known('modality', modality) ?? modality)],
    [words.text('dicom.bodyPart'), body_part && (words.known('bodyPart', body_part) ?? inWords(body_part))],
    [words.text('dicom.view'), view && (words.known('view', view) ?? view)],
    [words.text('dicom.side'), laterality && words.known('side', laterality)],
    [words.text('dicom.window'), window && windowWords(words, window)],
  ];
  const known = facts.flatMap(([term, value]) => (value ? [make('div', {}, make('dt', {}, term), make('dd', {}, make('bdi', {}, value)))] : []));
  if (known.length > 0) nodes.push(make('dl', { class: 'dicom', part: 'dicom' }, ...known));
  return nodes;
}

/** @param {Words} words @param {NonNullable<DicomFacts['window']>} window */
function windowWords(words, { centre, width, origin }) {
  const numbers = { centre: level(words, centre), width: level(words, width) };
  return words.text(origin === 'pixels' ? 'dicom.windowOfAll' : 'dicom.windowIs', numbers);
}

/** `PORT CHEST` -> `Port chest`. @param {string} code */
function inWords(code) {
  const words = code.replaceAll('_', ' ').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
