// @ts-check
/**
 * Asks whether the patient is an adult or a child, where the bundle weighs its answers for them. Nobody has to say. It is fetched for
 * such a bundle only, and what was said is kept in the tab until it is closed.
 *
 * @import { LungXrayClassifier } from './element/lung-xray-classifier.js'
 */

import { make } from './element/parts/dom.js';
import { languageOf, translate, wordsOf } from './element/words/words.js';

/** Whom a bundle may have operating points for, by their names. */
export const PATIENTS = ['adult', 'child'];

/** What it is kept as. */
const KEPT = 'lung-patient';

/**
 * Puts the question into the element, and has it answer for whoever was named last in this tab.
 * @param {LungXrayClassifier} element
 * @param {string[]} points names of the bundle's operating points
 */
export async function askForPatient(element, points) {
  element.querySelector('.patient')?.remove();
  const offered = PATIENTS.filter((name) => points.includes(name));
  const kept = stored();
  const named = offered.includes(kept) ? kept : '';
  choose(element, named);
  if (offered.length === 0) return;
  const question = make(
    'fieldset',
    { class: 'patient', slot: 'options', 'aria-describedby': 'patient-why' },
    make('legend', { 'data-words': 'patient.label' }),
    ...[...offered, ''].map((name) =>
      make(
        'label',
        {},
        make('input', { type: 'radio', name: 'patient', value: name, checked: name === named }),
        make('span', { 'data-words': `patient.${name || 'unstated'}` }),
      ),
    ),
    make('small', { id: 'patient-why', 'data-words': 'patient.why' }),
  );
  translate(question, await wordsOf(languageOf(element)).catch(() => wordsOf('en')));
  question.addEventListener('change', ({ target }) => {
    const { value } = /** @type {HTMLInputElement} */ (target);
    store(value);
    choose(element, value);
  });
  element.append(question);
}

/** @param {LungXrayClassifier} element @param {string} name */
function choose(element, name) {
  if (name) element.setAttribute('operating-point', name);
  else element.removeAttribute('operating-point');
}

function stored() {
  try {
    return sessionStorage.getItem(KEPT) ?? '';
  } catch {
    // There is no storage here.
    return '';
  }
}

/** @param {string} value */
function store(value) {
  try {
    if (value) sessionStorage.setItem(KEPT, value);
    else sessionStorage.removeItem(KEPT);
  } catch {
    // Then it holds until the page is left.
  }
}
