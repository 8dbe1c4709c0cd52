// @ts-check
/** The page: the element does the work; here only what a page adds to it. */

import { LungXrayClassifier } from './element/define.js';
import { make } from './element/parts/dom.js';
import { whenIdle } from './element/start.js';

const element = /** @type {LungXrayClassifier} */ (document.querySelector('lung-xray-classifier'));

const parameters = new URLSearchParams(location.search);

const device = parameters.get('device');
if (device) element.setAttribute('device', device);

// The first result waits for none of it.
void import('./language.js');

// A file that misses the element would replace the page: take it all the same.
document.addEventListener('dragover', (event) => event.preventDefault());
document.addEventListener('drop', (event) => {
  if (event.defaultPrevented) return;
  event.preventDefault();
  if (event.dataTransfer) element.add(event.dataTransfer);
});

// What explains the page makes room for what was found.
for (const outcome of ['lung-result', 'lung-error'])
  element.addEventListener(outcome, (event) => {
    if ('name' in /** @type {CustomEvent} */ (event).detail) document.documentElement.classList.add('answered');
  });

// A film held against the light, with a phone's own camera.
document.querySelector('.camera-button')?.addEventListener('click', ({ currentTarget }) => {
  const camera = make('input', { type: 'file', accept: 'image/*', capture: 'environment', hidden: true });
  camera.addEventListener('change', () => {
    element.add(camera.files ?? []);
    camera.remove();
  });
  // Safari does nothing with one that is not in the document.
  document.querySelector('.camera input')?.remove();
  /** @type {Element} */ (currentTarget).after(camera);
  camera.click();
});

// For whoever is asked for help.
document.querySelector('.diagnostics')?.addEventListener('click', async ({ currentTarget }) => {
  const button = /** @type {HTMLElement} */ (currentTarget);
  const [{ copy }, { wordsOf }] = await Promise.all([import('./element/parts/diagnostics.js'), import('./element/words/words.js')]);
  void copy(await wordsOf(document.documentElement.lang), element, button);
});

// Files that the operating system opens with the installed app.
/** @type {any} */ (globalThis).launchQueue?.setConsumer(async (/** @type {{ files: FileSystemFileHandle[] }} */ { files }) =>
  element.add(await Promise.all(files.map((file) => file.getFile()))),
);

// Files that another app has shared. The ticket is good for once.
const ticket = parameters.get('shared');
if (ticket) {
  parameters.delete('shared');
  history.replaceState(null, '', [location.pathname, String(parameters)].filter(Boolean).join('?'));
  void import('./offline.js').then(({ takeShared }) => takeShared(element, ticket));
}

// Whom the answers are weighed for is asked where the bundle has more than one answer to that.
element.addEventListener('lung-ready', async () => {
  const points = element.ready?.model.operating_points?.map(({ name }) => name) ?? [];
  const asked = points.some((name) => /^(adult|child)$/.test(name)) || element.querySelector('.patient');
  if (asked) (await import('./patient.js')).askForPatient(element, points);
});

/** How long a classifier that has started must have been left in peace before the page keeps itself, in milliseconds. */
const PEACE = 2000;

// Nothing takes the network or the processor from the first result.
element.addEventListener('lung-ready', () => setTimeout(() => whenIdle(async () => (await import('./offline.js')).keepForOffline(), 10_000), PEACE), {
  once: true,
});
