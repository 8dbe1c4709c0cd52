// @ts-check
/** When the classifier is downloaded, and what is fetched after it. */

import { whenIdle } from '../start.js';

/**
 * Starts when the attribute `loading` says so; by itself it waits for the first hint that the element will be used.
 * @param {HTMLElement} element
 * @param {() => void} start
 * @param {AbortSignal} signal ends the waiting
 */
export function startWhenAsked(element, start, signal) {
  const loading = element.getAttribute('loading');
  if (loading === 'eager') return whenIdle(() => element.isConnected && start());
  for (const hint of ['pointerenter', 'focusin', 'dragenter']) element.addEventListener(hint, start, { once: true, signal });
  if (loading !== 'visible') return;
  const seen = new IntersectionObserver((changes) => {
    if (!changes.some(({ isIntersecting }) => isIntersecting)) return;
    seen.disconnect();
    start();
  });
  seen.observe(element);
  signal.addEventListener('abort', () => seen.disconnect());
}

let asked = false;

/**
 * Fetches what is imported when it is needed, ahead of that: a page that has become ready needs no network any more. It waits until the
 * page has nothing else to do, such as showing a result. What does not come is missed by whoever needs it, and said there; not every
 * browser asks for a module again.
 */
export function fetchTheRest() {
  if (asked) return;
  asked = true;
  whenIdle(() => void Promise.allSettled(theRest()));
}

function theRest() {
  return [
    import('../classifier/helpers.js'),
    import('../intake/archive.js'),
    import('../picture/evidence-words.js'),
    import('./diagnostics.js'),
    import('../picture/examples.js'),
    import('../results/export.js'),
    import('../intake/folder.js'),
    import('../results/kept.js'),
    import('../results/offer.js'),
    import('../results/operating-point.js'),
    import('../intake/paste-taker.js'),
    import('../intake/pixels.js'),
    import('../results/table.js'),
    import('../picture/window-control.js'),
    import('../results/xlsx.js'),
    import('../picture/zoom.js'),
  ];
}
