// @ts-check
/**
 * What most readers need not see: technical facts, folded, and what helps whoever is asked for help.
 *
 * @import { Words } from '../words/words.js'
 */

import { make } from './dom.js';

/** What is shown to whoever asks for it. @param {Words} words @param {...Node} inside */
export function folded(words, ...inside) {
  return make('details', { class: 'folded', part: 'details' }, make('summary', {}, words.text('details')), ...inside);
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
    ...(told === undefined ? [] : [make('p', { class: 'fault-code' }, words.text('told'), ' ', make('bdi', { lang: 'en' }, told))]),
  ];
}
