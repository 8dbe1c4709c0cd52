// @ts-check
/** The page: the element does the work; here only what a page adds to it. */

import { LungXrayClassifier } from './element/define.js';

const element = /** @type {LungXrayClassifier} */ (document.querySelector('lung-xray-classifier'));

const device = new URLSearchParams(location.search).get('device');
if (device) element.setAttribute('device', device);

// A file that misses the element would replace the page: take it all the same.
document.addEventListener('dragover', (event) => event.preventDefault());
document.addEventListener('drop', (event) => {
  if (event.defaultPrevented) return;
  event.preventDefault();
  if (event.dataTransfer) element.take(event.dataTransfer);
});
