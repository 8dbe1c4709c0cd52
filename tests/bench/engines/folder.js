// @ts-check
/**
 * The real element with a folder of radiographs: by the workers that it takes by itself, or with `?cores=1` by one. A run is the whole
 * folder, from the files being given to the last of them shown.
 */

import { measure } from './page.js';

const query = new URL(location.href).searchParams;
const cores = query.get('cores');
if (cores) Object.defineProperty(navigator, 'hardwareConcurrency', { value: Number(cores) });

measure(async (device) => {
  // @ts-expect-error: served, not beside this file
  await import('/ours/element/define.js');
  const element = /** @type {any} */ (document.createElement('lung-xray-classifier'));
  element.setAttribute('device', device);
  element.setAttribute('multiple', '');
  document.body.append(element);
  const image = await fetch('/radiograph.png').then((response) => response.blob());
  let images = 1;
  return async () => {
    element.forget();
    const files = Array.from({ length: images }, (_, k) => new File([image], `${k}.png`, { type: 'image/png' }));
    // The first run is one image: it starts the classifier.
    images = Number(query.get('images'));
    const done = new Promise((resolve) => element.addEventListener('lung-done', (/** @type {any} */ { detail }) => resolve(detail), { once: true }));
    const begun = performance.now();
    element.add(files);
    const { answered } = await done;
    const milliseconds = performance.now() - begun;
    if (answered !== files.length) throw new Error(`${answered} of ${files.length} images were answered`);
    return { milliseconds, probabilities: Object.values(element.results.at(-1).report.probabilities) };
  };
});
