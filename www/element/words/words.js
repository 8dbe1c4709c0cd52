// @ts-check
/**
 * Everything a reader sees, in the reader's language. English is here at once; the other languages are fetched when somebody
 * reads them. `docs/guide/translating.md` says how to add or to correct one.
 *
 * @import { Caution, DicomFacts, Fault } from '../protocol.js'
 */

import { fetched } from '../parts/fetched.js';
import english from './en.js';

/** @typedef {keyof typeof english} Key */

/** What a language's file exports: a text for each key, where numbers decide one for each of their forms. @typedef {Record<string, string | Forms>} Texts */

/** A text for each plural form that the language has. @typedef {Partial<Record<Intl.LDMLPluralRule, string>>} Forms */

/** What stands in the place of `{name}`; numbers are written as the language writes them. @typedef {Record<string, string | number>} Values */

/**
 * The languages, each by its own name; `locale` says how numbers are written, where that is not what the language's name says.
 * @type {Record<string, { name: string, dir?: 'rtl', locale?: string, load: () => Promise<{ default: Texts }> }>}
 */
export const LANGUAGES = {
  en: { name: 'English', load: async () => ({ default: english }) },
  es: { name: 'Español', load: () => import('./es.js') },
  fr: { name: 'Français', load: () => import('./fr.js') },
  zh: { name: '中文', load: () => import('./zh.js') },
  hi: { name: 'हिन्दी', load: () => import('./hi.js') },
  // Digits as in the file names, ids and codes beside them.
  ar: { name: 'العربية', dir: 'rtl', locale: 'ar-u-nu-latn', load: () => import('./ar.js') },
};

/** By what DICOM calls a kind of file: it helps whoever is asked for help, and nobody else. */
const NUMBER_OF_STANDARD = / \(\d+(?:\.\d+){5,}\)/;

/** The texts of one language, and how it writes numbers and lists. */
export class Words {
  #texts;
  #locale;
  /** Made when it is needed, as the others. @type {Intl.PluralRules | undefined} */
  #plurals;
  /** Made when it is needed: Chromium 156 takes 30 ms for the first of a page. @type {Intl.ListFormat | undefined} */
  #either;
  /** By digits after the point: each takes a while to make. @type {Map<number, Intl.NumberFormat>} */
  #numbers = new Map();

  /** @param {string} lang one of `LANGUAGES` @param {Texts} texts */
  constructor(lang, texts) {
    const { dir = 'ltr', locale = lang } = LANGUAGES[lang];
    this.lang = lang;
    /** The direction it is written in. @type {'ltr' | 'rtl'} */
    this.dir = dir;
    this.#texts = texts;
    this.#locale = locale;
  }

  /**
   * A text with its values in place. Where there are plural forms, `values.count` decides.
   * @param {Key} key
   * @param {Values} [values]
   */
  text(key, values = {}) {
    const text = this.#texts[key] ?? english[key];
    const form = typeof text === 'string' ? text : (text[this.#plural(Number(values.count))] ?? text.other ?? '');
    return form.replace(/\{(\w+)\}/g, (_, name) => {
      const value = values[name];
      return typeof value === 'number' ? this.number(value) : value;
    });
  }

  /**
   * The text of a code that comes from elsewhere, such as `modality.DX`; undefined if it has none.
   * @param {string} group
   * @param {string} code
   * @param {Values} [values]
   */
  known(group, code, values) {
    const key = `${group}.${code}`;
    return Object.hasOwn(this.#texts, key) ? this.text(/** @type {Key} */ (key), values) : undefined;
  }

  /** The plural form for a number. @param {number} count */
  #plural(count) {
    this.#plurals ??= new Intl.PluralRules(this.#locale);
    return this.#plurals.select(count);
  }

  /** A number with so many digits after the point. @param {number} value @param {number} [digits] */
  number(value, digits = 0) {
    // Before the first image there are only such numbers, which every language of ours writes alike. A format takes 10 to 27 ms to make.
    if (digits === 0 && Number.isInteger(value) && value >= 0 && value < 1000) return String(value + 0);
    let format = this.#numbers.get(digits);
    if (!format) {
      format = new Intl.NumberFormat(this.#locale, { minimumFractionDigits: digits, maximumFractionDigits: digits });
      this.#numbers.set(digits, format);
    }
    return format.format(value);
  }

  /** Makes the formats that a result is written with, so that it need not wait for them. */
  prepare() {
    this.number(0.5, 1);
    this.number(1000);
  }

  /** A day and a time of day. @param {Date} date */
  date(date) {
    return new Intl.DateTimeFormat(this.#locale, { dateStyle: 'long', timeStyle: 'short' }).format(date);
  }

  /** A name from elsewhere, within a sentence that may go the other way. @param {string} name */
  apart(name) {
    return this.dir === 'rtl' ? `\u2068${name}\u2069` : name;
  }

  /** `this or that`. @param {string[]} names */
  either(names) {
    this.#either ??= new Intl.ListFormat(this.#locale, { type: 'disjunction' });
    return this.#either.format(names);
  }

  /**
   * What went wrong and what to do, to be shown. In English what was told says it best; another language has a sentence for
   * each code, and then what was told is `told`, for whoever is asked for help.
   * @param {Fault} fault
   * @returns {{ message: string, advice: string, code: string, told?: string }} `code` with the number of a standard,
   *   which no sentence has
   */
  fault({ code, message, advice }) {
    const [number] = NUMBER_OF_STANDARD.exec(message) ?? [''];
    const told = message.replace(number, '');
    const numbered = code + number.replace(/[()]/g, '');
    const general = this.known('fault', code);
    return general === undefined
      ? { message: told, advice, code: numbered }
      : { message: general, advice: this.known('advice', code) ?? advice, code: numbered, told };
  }

  /** A caution, to be shown. @param {Caution} caution @param {DicomFacts} [dicom] */
  caution({ code, message, count }, dicom) {
    if (!dicom) return this.known('caution', code, { count: count ?? 0 }) ?? message;
    const told = (/** @type {string} */ group, /** @type {string | null} */ word) => word && (this.known(group, word) ?? word);
    const modality = told('modality', dicom.modality) ?? '';
    const part = told('bodyPart', dicom.body_part) ?? '';
    const view = told('view', dicom.view) ?? '';
    return this.known('caution', code, { modality, part, view, count: count ?? dicom.frames }) ?? message;
  }

  /** Why it is not WebGPU, to be shown. @param {{ fallback?: string, fallbackCode?: string }} ready */
  fallback({ fallback = '', fallbackCode = '' }) {
    return this.known('fallback', fallbackCode) ?? fallback;
  }
}

/** The words at hand while others are fetched. */
export const ENGLISH = new Words('en', english);

/** @type {Map<string, Promise<Words>>} */
const loaded = new Map([['en', Promise.resolve(ENGLISH)]]);

/**
 * The words of a language.
 * @param {string} lang one of `LANGUAGES`
 * @returns {Promise<Words>} rejects if they could not be fetched; calling again tries again
 */
export function wordsOf(lang) {
  let words = loaded.get(lang);
  if (!words) {
    words = fetched(LANGUAGES[lang].load(), `words/${lang}.js`).then(({ default: texts }) => new Words(lang, texts));
    words.catch(() => loaded.delete(lang));
    loaded.set(lang, words);
  }
  return words;
}

/**
 * The language to take of those that are wished for, the dearest first: English if there is none of them.
 * @param {Iterable<string>} wishes language tags, such as `fr-CA`
 */
export function languageFor(wishes) {
  for (const wish of wishes) {
    const [language] = wish.toLowerCase().split('-');
    if (Object.hasOwn(LANGUAGES, language)) return language;
  }
  return 'en';
}

/** The language that an element stands in: its own `lang` or that of what it stands in, else the browser's. @param {Element} element */
export function languageOf(element) {
  for (let at = /** @type {Element | null} */ (element); at;) {
    const marked = at.closest('[lang]');
    const lang = marked?.getAttribute('lang');
    if (lang) return languageFor([lang]);
    if (marked) break;
    const root = at.getRootNode();
    at = 'host' in root ? /** @type {ShadowRoot} */ (root).host : null;
  }
  return languageFor(navigator.languages);
}

/**
 * Writes the texts that stay: of whatever has a `data-words` the text, `data-words-label` the label, `data-words-content` the
 * content of a `meta`. Each names a key.
 * @param {ParentNode} root
 * @param {Words} words
 */
export function translate(root, words) {
  /** @param {string} attribute @param {(element: Element, text: string) => void} write */
  const each = (attribute, write) => {
    for (const element of root.querySelectorAll(`[${attribute}]`)) write(element, words.text(/** @type {Key} */ (element.getAttribute(attribute))));
  };
  each('data-words', (element, text) => (element.textContent = text));
  each('data-words-label', (element, text) => element.setAttribute('aria-label', text));
  each('data-words-content', (element, text) => element.setAttribute('content', text));
}
