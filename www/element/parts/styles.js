// @ts-check
/** The element's looks, as a constructed style sheet: no `<style>` that a content security policy would refuse. */

import { fill } from './sheet.js';

/** A sheet belongs to the document that it was made in. @type {WeakMap<Document, CSSStyleSheet>} */
const sheets = new WeakMap();

/** The style sheet for elements of a document; undefined for one that no window shows. @param {Document} document */
export function sheetOf(document) {
  const view = /** @type {typeof globalThis | null} */ (document.defaultView);
  let sheet = sheets.get(document);
  if (sheet || !view) return sheet;
  sheet = new view.CSSStyleSheet();
  fill(sheet);
  sheets.set(document, sheet);
  return sheet;
}
