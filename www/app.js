// @ts-check
/** The page: the element does the work; here only what a page adds to it. */

import { LungXrayClassifier } from './element/define.js';
import { make } from './element/parts/dom.js';
import { fetched } from './element/parts/fetched.js';
import { whenIdle } from './element/start.js';

const element = /** @type {LungXrayClassifier} */ (document.querySelector('lung-xray-classifier'));

const parameters = new URLSearchParams(location.search);

const device = parameters.get('device');
if (device) element.setAttribute('device', device);

// The first result waits for none of it. Without it the page stays in English.
fetched(import('./language.js'), '../language.js').catch(() => {});

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
  const [{ copy }, { wordsOf }] = await Promise.all([
    fetched(import('./element/parts/diagnostics.js'), 'parts/diagnostics.js'),
    import('./element/words/words.js'),
  ]);
  void copy(await wordsOf(document.documentElement.lang), element, button);
});

// Files that the operating system opens with the installed app.
/** @type {any} */ (globalThis).launchQueue?.setConsumer(async (/** @type {{ files: FileSystemFileHandle[] }} */ { files }) => {
  const opened = await Promise.allSettled(files.map((file) => file.getFile()));
  const images = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  if (images.length < files.length) {
    // What cannot be opened is shown with its reason.
    const { Refused, unreadable } = await fetched(import('./element/intake/folder.js'), 'intake/folder.js');
    for (const [at, { status }] of opened.entries())
      if (status === 'rejected') images.push(/** @type {any} */ (Object.assign(new Refused(unreadable()), { name: files[at].name })));
  }
  if (images.length > 0) element.add(images);
});

// Files that another app has shared. The ticket is good for once.
const ticket = parameters.get('shared');
if (ticket) {
  parameters.delete('shared');
  history.replaceState(null, '', [location.pathname, String(parameters)].filter(Boolean).join('?'));
  void offline().then(({ takeShared }) => takeShared(element, ticket));
}

// Whom the answers are weighed for is asked where the bundle has more than one answer to that.
element.addEventListener('lung-ready', async () => {
  const points = element.ready?.model.operating_points?.map(({ name }) => name) ?? [];
  const asked = points.some((name) => /^(adult|child)$/.test(name)) || element.querySelector('.patient');
  if (!asked) return;
  const patient = await fetched(import('./patient.js'), '../patient.js').catch(() => null);
  patient?.askForPatient(element, points);
});

/** What keeps the page, and takes what is shared with it. */
function offline() {
  return fetched(import('./offline.js'), '../offline.js');
}

/** How long a classifier that has started must have been left in peace before the page keeps itself, in milliseconds. */
const PEACE = 2000;

// Nothing takes the network or the processor from the first result.
element.addEventListener('lung-ready', () => setTimeout(() => whenIdle(async () => (await offline()).keepForOffline(), 10_000), PEACE), {
  once: true,
});
