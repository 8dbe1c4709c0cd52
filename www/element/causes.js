// @ts-check
/**
 * Why nothing can be fetched from an address. A browser tells a page only that it failed, so the same is tried in other ways. It is
 * loaded when something has failed.
 *
 * @import { Fault } from './protocol.js'
 */

import { isPage, pageInstead } from './download.js';

/** How long another try may take, in milliseconds. */
const PATIENCE = 10_000;

/** How long after a refusal the browser may take to say which policy it was, in milliseconds. */
const AFTERWARDS = 100;

/**
 * The cause, as far as a page can find it out; null where another try succeeds, or where nothing else arrives either.
 * @param {string} url
 * @returns {Promise<Fault | null>}
 */
export async function causeOf(url) {
  if (navigator.onLine === false) return offline();
  const { origin, pathname } = new URL(url);
  const file = decodeURIComponent(pathname.split('/').pop() ?? '');
  const foreign = origin !== location.origin;
  let policy = false;
  const hear = (/** @type {SecurityPolicyViolationEvent} */ { effectiveDirective }) => (policy ||= effectiveDirective === 'connect-src');
  document.addEventListener('securitypolicyviolation', hear);
  // Without leave to read it the browser fetches it all the same, if only it can.
  const answer = await answerOf(url, { mode: 'no-cors' });
  const arrives = answer !== null;
  if (!arrives) await new Promise((resolve) => setTimeout(resolve, AFTERWARDS));
  document.removeEventListener('securitypolicyviolation', hear);
  if (policy) return refusedByPolicy(foreign ? origin : "'self'");
  if (answer && !foreign) return isPage(answer) ? pageInstead(url) : null;
  if (arrives) return refusedByServer(origin);
  // A service worker answers no such request from what it keeps.
  if (!(await answerOf(location.href, { method: 'HEAD' }))) return null;
  return foreign ? keptBackOrDown(origin) : keptBack(file);
}

/** What comes back, if anything does. @param {string} url @param {RequestInit} options */
function answerOf(url, options) {
  return fetch(url, { ...options, cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) }).catch(() => null);
}

/** @returns {Fault} */
function offline() {
  return {
    code: 'offline',
    message: 'This device is not connected to a network, and the classifier has not been downloaded yet.',
    advice: 'Connect it and try again.',
  };
}

/** @param {string} source @returns {Fault} */
function refusedByPolicy(source) {
  return {
    code: 'policy-connect',
    message: 'The security policy of this page does not allow the classifier to be downloaded.',
    advice: `Tell whoever runs this page that its content security policy needs connect-src ${source}.`,
  };
}

/** @param {string} origin @returns {Fault} */
function refusedByServer(origin) {
  return {
    code: 'cors-missing',
    message: `The server ${origin} answers, but does not allow pages of other sites to use its files.`,
    advice: 'Tell whoever runs it that it must send the header Access-Control-Allow-Origin.',
  };
}

/** @param {string} file @returns {Fault} */
function keptBack(file) {
  return {
    code: 'blocked',
    message: `The server answers, but ${file} does not arrive: an ad blocker in this browser or a filter in the network keeps it back.`,
    advice: 'Allow this page in the blocker and try again, or try another browser or network.',
  };
}

/** @param {string} origin @returns {Fault} */
function keptBackOrDown(origin) {
  return {
    code: 'blocked-or-down',
    message: `Nothing arrives from ${origin}: that server is down, or an ad blocker or a filter in the network keeps it back.`,
    advice: 'Allow this page in the blocker and try again, or try another browser or network.',
  };
}
