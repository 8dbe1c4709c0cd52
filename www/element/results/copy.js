// @ts-check
/** Rows as a spreadsheet takes them from the clipboard: columns, and no text that is a formula. */

import { make } from '../parts/dom.js';
import { guarded } from '../words/format.js';

/** @param {DataTransfer | null} clipboard @param {Element[]} rows */
export function copyRows(clipboard, rows) {
  const lines = rows.map(({ children }) => [...children].map(({ textContent }) => textContent ?? ''));
  const text = lines.map((line) => line.map((cell) => guarded(cell.replace(/\s+/g, ' '))).join('\t')).join('\n');
  clipboard?.setData('text/plain', text);
  const table = make('table', {}, ...lines.map((line) => make('tr', {}, ...line.map((cell) => make('td', {}, guarded(cell))))));
  clipboard?.setData('text/html', table.outerHTML);
}
