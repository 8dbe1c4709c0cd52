// @ts-check
/**
 * What makes the page an app: a service worker keeps it for use without a network, and a new version of it is offered. Loaded
 * when the first result is out of the way. What can be said of it is said in one line below the element.
 *
 * @import { LungXrayClassifier } from './element/lung-xray-classifier.js'
 * @import { Key } from './element/words/words.js'
 */

import { make } from './element/parts/dom.js';
import { languageOf, wordsOf } from './element/words/words.js';

/** Why the page is not kept, as the service worker has it, and where there is none. @typedef {'insecure' | 'refused' | 'quota' | 'mixed' | 'unreachable' | 'unbuilt'} ReasonCode */

/** An open page asks for a new version when it is looked at again, not more often than this, in milliseconds. */
const BETWEEN_CHECKS = 60 * 60 * 1000;

/** A page that is being built looks whether it is whole no more often than this, in milliseconds. */
const BETWEEN_LOOKS = 5000;

/** Where less than this is left, browsers begin to throw away what pages have stored, in bytes. */
const TIGHT = 64 * 1024 * 1024;

/** How long the reason of a failure is waited for, in milliseconds. */
const LAST_WORDS = 1000;

const container = navigator.serviceWorker;

/** Keeps the page for use without a network, says whether it is, and offers new versions. */
export async function keepForOffline() {
  if ('unfinished' in document.documentElement.dataset) return waitForRest();
  if (!container) return sayNotKept(globalThis.isSecureContext ? 'refused' : 'insecure');
  let controlled = container.controller !== null;
  container.addEventListener('controllerchange', () => {
    // Another tab has asked for the new version. The first worker of all only takes over what is there.
    if (controlled) offer(() => location.reload());
    controlled = true;
  });
  /** @type {ReasonCode | undefined} */
  let why;
  container.addEventListener('message', ({ data }) => {
    if (data?.type === 'not-kept') why = data.why.code;
  });
  container.startMessages();

  const registration = await register();
  if (typeof registration === 'string') return sayNotKept(registration);
  const follow = () => {
    const { installing, active } = registration;
    if (!installing) return;
    if (!active) say('offline.keeping', 'keeping');
    installing.addEventListener('statechange', () => {
      // What the worker says of it may come after that it has ended.
      if (installing.state === 'redundant') setTimeout(() => (active ? sayNotUpdated : sayNotKept)(why ?? 'unreachable'), why ? 0 : LAST_WORDS);
      else if (installing.state === 'activated' && !active) void sayKept(installing);
      else if (installing.state === 'installed' && active) offerWaiting(registration);
    });
  };
  registration.addEventListener('updatefound', follow);
  follow();
  if (registration.active) void sayKept(registration.active);
  if (registration.waiting && registration.active) offerWaiting(registration);
  checkWhenSeen(registration);
}

/**
 * Waits until a page that is served while it is being built is whole, which its list of files shows, and then offers it as a new
 * version. Until then there is nothing to keep: `cargo xtask serve` says so in the page itself.
 */
async function waitForRest() {
  sayNotKept('unbuilt');
  const list = new URL('release.json', import.meta.url);
  /** @type {boolean} */
  let whole;
  do {
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS));
    whole =
      document.visibilityState === 'visible' &&
      (await fetch(list, { method: 'HEAD', cache: 'no-store' }).then(
        ({ ok }) => ok,
        () => false,
      ));
  } while (!whole);
  offer(() => location.reload());
}

/**
 * Hands the page the files that another app has shared with it.
 * @param {LungXrayClassifier} element @param {string} ticket
 */
export async function takeShared(element, ticket) {
  const files = container?.controller ? await ask(container.controller, { type: 'shared', ticket }) : [];
  if (files.length > 0) element.add(files);
  else say('share.lost', 'lost');
}

/** @returns {Promise<ServiceWorkerRegistration | ReasonCode>} */
async function register() {
  try {
    const script = new URL('service-worker.js', import.meta.url);
    return (await container.register(script, { updateViaCache: 'none' })) ?? 'refused';
  } catch (error) {
    return error instanceof TypeError ? 'unreachable' : 'refused';
  }
}

/** @param {ServiceWorker} worker which may have lost what it kept, and then tries again */
async function sayKept(worker) {
  const why = await ask(worker, { type: 'kept' });
  if (why) return sayNotKept(why.code);
  offerInstallation();
  await holdOn();
  const { quota = Infinity, usage = 0 } = await estimate();
  const tight = quota - usage < TIGHT && !(await navigator.storage?.persisted?.());
  say(tight ? 'offline.keptTightly' : 'offline.kept', 'kept');
}

/** Asks the browser not to throw away an installed app; some ask their user in turn, so not for a mere visit. */
async function holdOn() {
  if (matchMedia('(display-mode: standalone)').matches) await navigator.storage?.persist?.().catch(() => false);
}

/** @returns {Promise<StorageEstimate>} */
async function estimate() {
  return (await navigator.storage?.estimate?.().catch(() => undefined)) ?? {};
}

/** @param {ReasonCode} code */
function sayNotKept(code) {
  say(`offline.${code}`, 'not-kept');
}

/** @param {ReasonCode} code */
function sayNotUpdated(code) {
  // A server in the middle of an update is nobody's concern here: the old version is whole.
  if (code === 'quota') say('offline.keptOld', 'kept');
}

/** @param {Key} key @param {'keeping' | 'kept' | 'not-kept' | 'lost'} state */
function say(key, state) {
  const line = /** @type {HTMLElement} */ (document.querySelector('.offline'));
  line.dataset.state = state;
  write(/** @type {HTMLElement} */ (line.querySelector('.offline-said')), key);
}

/**
 * Writes a text so that it is written again when the page changes its language.
 * @template {HTMLElement} E @param {E} element @param {Key} key
 */
function write(element, key) {
  element.dataset.words = key;
  wordsOf(languageOf(document.documentElement)).then(
    (words) => element.dataset.words === key && (element.textContent = words.text(key)),
    () => {},
  );
  return element;
}

/**
 * Makes the page one that can be installed. Not before it is kept: an app without its worker would send what is shared with it
 * to the server.
 */
function offerInstallation() {
  if (document.querySelector('link[rel=manifest]')) return;
  globalThis.addEventListener('beforeinstallprompt', (event) => {
    event.preventDefault();
    const button = write(make('button', { type: 'button', class: 'quiet' }), 'install.offer');
    button.addEventListener('click', () => {
      button.remove();
      void (/** @type {any} */ (event).prompt());
    });
    document.querySelector('.offline')?.append(button);
    globalThis.addEventListener('appinstalled', () => (button.remove(), void navigator.storage?.persist?.()), {
      once: true,
    });
  });
  document.head.append(make('link', { rel: 'manifest', href: 'manifest.webmanifest' }));
}

/** @param {ServiceWorkerRegistration} registration */
function offerWaiting(registration) {
  offer(() => {
    const { waiting } = registration;
    if (!waiting) return location.reload();
    container.addEventListener('controllerchange', () => location.reload(), { once: true });
    waiting.postMessage({ type: 'accept' });
  });
}

/** Shows that there is a new version. @param {() => void} accept */
function offer(accept) {
  const reload = write(make('button', { type: 'button' }), 'update.reload');
  const later = write(make('button', { type: 'button', class: 'quiet' }), 'update.later');
  reload.addEventListener('click', accept);
  const update = /** @type {HTMLElement} */ (document.querySelector('.update'));
  const message = /** @type {HTMLElement} */ (update.querySelector('.update-said'));
  later.addEventListener('click', () => {
    delete message.dataset.words;
    message.textContent = '';
    update.replaceChildren(message);
  });
  update.replaceChildren(message, reload, later);
  write(message, 'update.ready');
}

/** @param {ServiceWorkerRegistration} registration */
function checkWhenSeen(registration) {
  let checked = Date.now();
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState !== 'visible' || Date.now() - checked < BETWEEN_CHECKS) return;
    checked = Date.now();
    registration.update().catch(() => {});
  });
}

/**
 * @param {ServiceWorker} worker @param {{ type: string, ticket?: string }} question
 * @returns {Promise<any>} what it answers
 */
function ask(worker, question) {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener('message', ({ data }) => (port1.close(), resolve(data)));
    port1.start();
    worker.postMessage(question, [port2]);
  });
}
