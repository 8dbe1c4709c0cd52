// @ts-check
/** The language of the page: the reader's, until the reader chooses another. The element follows the document's. */

import { ENGLISH, languageFor, LANGUAGES, translate, wordsOf } from './element/words/words.js';

/** What the choice is kept under. */
const KEPT = 'language';

/** The parameter of the page's address that has a language. */
const PARAMETER = 'lang';

const menu = /** @type {HTMLSelectElement} */ (document.querySelector('.language select'));
const failure = /** @type {HTMLElement} */ (document.querySelector('.language-failure'));

/** The words on show. */
let shown = ENGLISH;

/** @param {string} lang */
async function show(lang) {
  menu.value = lang;
  failure.textContent = '';
  try {
    const words = await wordsOf(lang);
    // Another one may have been chosen meanwhile.
    if (menu.value !== lang || words === shown) return;
    shown = words;
    document.documentElement.lang = words.lang;
    document.documentElement.dir = words.dir;
    translate(document, words);
  } catch {
    menu.value = shown.lang;
    failure.textContent = shown.text('page.languageFailed');
  }
}

/** What the address names comes first, then what was chosen here before, then what the browser asks for. */
function wishes() {
  const asked = new URLSearchParams(location.search).get(PARAMETER);
  return [asked, kept(), ...navigator.languages].filter((wish) => wish !== null);
}

/** The language chosen before. A private window may refuse to say. */
function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

/** @param {string} lang */
function keep(lang) {
  try {
    localStorage.setItem(KEPT, lang);
  } catch {
    // Then it is chosen again next time.
  }
  // The address would say otherwise when the page is loaded again.
  const url = new URL(location.href);
  if (!url.searchParams.has(PARAMETER)) return;
  url.searchParams.delete(PARAMETER);
  history.replaceState(history.state, '', url);
}

menu.replaceChildren();
for (const [lang, { name }] of Object.entries(LANGUAGES)) {
  const option = new Option(name, lang);
  option.lang = lang;
  menu.append(option);
}
menu.addEventListener('change', () => {
  keep(menu.value);
  void show(menu.value);
});
menu.closest('label')?.removeAttribute('hidden');
void show(languageFor(wishes()));

/** What a script that was cut short does not have. */
export const whole = true;
