// @ts-check
/**
 * What a file says of itself, before what a network says of it: cautions, and the facts of DICOM.
 *
 * @import { Report } from './protocol.js'
 */

import { icon, make } from './dom.js';

const CAUTION = 'M12 8v5m0 3h.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z';

/** Words for the codes that radiographs have. @type {Record<string, string>} */
const MODALITIES = { CR: 'Computed radiography (CR)', DX: 'Digital radiography (DX)', RG: 'Film (RG)' };

/** @type {Record<string, string>} */
const VIEWS = {
  PA: 'From behind (PA)',
  AP: 'From the front (AP)',
  FRONTAL: 'Frontal',
  LL: 'Left lateral (LL)',
  RL: 'Right lateral (RL)',
};

/** @type {Record<string, string>} */
const SIDES = { right: 'Right', left: 'Left', both: 'Both', unpaired: 'Not one of two' };

/**
 * The cautions and the facts, where there are any.
 * @param {Pick<Report, 'cautions' | 'dicom'>} report
 * @returns {HTMLElement[]}
 */
export function dicomFacts({ cautions = [], dicom }) {
  const nodes = [];
  if (cautions.length > 0)
    nodes.push(
      make(
        'div',
        { class: 'fault cautions', part: 'cautions', role: 'note', 'aria-label': 'Cautions' },
        icon(CAUTION, 'fault-icon'),
        make('div', {}, ...cautions.map(({ code, message }) => make('p', { 'data-code': code }, message))),
      ),
    );
  if (!dicom) return nodes;
  /** @type {Array<[string, string | null]>} */
  const facts = [
    ['Modality', dicom.modality && (MODALITIES[dicom.modality] ?? dicom.modality)],
    ['Body part', dicom.body_part && inWords(dicom.body_part)],
    ['View', dicom.view && (VIEWS[dicom.view] ?? dicom.view)],
    ['Side', dicom.laterality && SIDES[dicom.laterality]],
  ];
  const known = facts.flatMap(([term, value]) => (value ? [make('div', {}, make('dt', {}, term), make('dd', {}, value))] : []));
  if (known.length > 0) nodes.push(make('dl', { class: 'dicom', part: 'dicom' }, ...known));
  return nodes;
}

/** `PORT CHEST` -> `Port chest`. @param {string} code */
function inWords(code) {
  const words = code.replaceAll('_', ' ').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
