// @ts-check
/** Shows the code of each example: the markup that stands on this page, and the scripts that run on it. */

import './events.js';
import './form.js';

/** Markup without the indentation that its lines share. @param {string} markup */
function outdented(markup) {
  const lines = markup.split('\n').filter((line) => line.trim());
  const indent = Math.min(...lines.map((line) => line.search(/\S/)));
  return lines.map((line) => line.slice(indent).trimEnd().replaceAll('=""', '')).join('\n');
}

// As it was written: what an example logs or shows later is no part of its code.
for (const live of document.querySelectorAll('.live')) {
  const code = document.createElement('pre');
  code.textContent = outdented(live.innerHTML);
  live.after(code);
}

for (const pre of document.querySelectorAll('pre')) pre.tabIndex = 0;

for (const pre of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('pre[data-source]'))) {
  const response = await fetch(new URL(`${pre.dataset.source}`, import.meta.url));
  pre.textContent = response.ok ? (await response.text()).trim() : `${pre.dataset.source} could not be loaded.`;
}
