// @ts-check
/**
 * The rules of `styles.css`. This module fetches them, as the sources are; `www/bundle.mjs` makes another that has them, so that a built
 * page asks for no style sheet and shows nothing without its styles.
 */

const rules = fetch(new URL('styles.css', import.meta.url)).then((response) => response.text());

/** Gives a constructed sheet the rules of the element. @param {CSSStyleSheet} sheet */
export function fill(sheet) {
  rules.then(
    (text) => sheet.replaceSync(text),
    () => console.warn('<lung-xray-classifier>: its styles did not arrive.'),
  );
}
