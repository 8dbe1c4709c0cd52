// @ts-check
/**
 * What most readers need not see: technical facts, folded, and what helps whoever is asked for help.
 *
 * @import { Words } from '../words/words.js'
 */

import { make } from './dom.js';

/**
 * What is shown to whoever asks for it, under a name that says what it is.
 * @param {Words} words @param {'details.reading' | 'details.classifier' | 'details.fault'} name @param {...Node} inside
 */
export function folded(words, name, ...inside) {
  return make('details', { class: 'folded', part: 'details' }, make('summary', {}, words.text(name)), ...inside);
}

/**
 * What helps whoever is asked for help, folded: the code, and in another language what was told in English.
 * @param {Words} words
 * @param {string} code
 * @param {string} [told]
 * @param {...Node} more
 */
export function faultDetails(words, code, told, ...more) {
  return folded(
    words,
    'details.fault',
    make('p', { class: 'fault-code' }, words.text('code', { code })),
    ...(told === undefined ? [] : [make('p', { class: 'fault-code' }, words.text('told'), ' ', make('bdi', { lang: 'en' }, told))]),
    ...more,
  );
}
