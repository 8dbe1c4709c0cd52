// @ts-check
/**
 * What helps whoever is asked for help: versions, device, adapter, timings and the last error. Nothing about an image: not its name, not
 * its size, not what was found in it.
 *
 * @import { Fault, Ready, Result } from '../protocol.js'
 * @import { Words } from '../words/words.js'
 */

import { make } from './dom.js';
import { assets } from '../download.js';

/** What is known where the text is asked for. @typedef {{ ready: Ready | null, failed: Fault | null, results: Result[] }} Known */

/** How long a graphics adapter is waited for, in milliseconds: some drivers never answer. */
const PATIENCE = 3000;

/** The text, a line for each thing. In English: whoever is asked for help reads it. @param {Known} known */
export async function diagnose({ ready, failed, results }) {
  const [release, adapter] = await Promise.all([releaseOf(), adapterOf()]);
  const reports = results.flatMap(({ report }) => (report ? [report] : []));
  const [error] = results.flatMap(({ error }) => (error ? [error] : []));
  const { decode_ms, preprocess_ms, inference_ms } = reports[0]?.timings ?? {};
  const ms = (/** @type {number | undefined} */ time) => (time === undefined ? 'unknown' : `${time.toFixed(1)} ms`);
  const { hardwareConcurrency: cores, languages, onLine, serviceWorker, userAgent } = navigator;
  /** @type {Array<[string, unknown]>} */
  const lines = [
    ['release', release],
    ['model', ready?.model.id ?? 'not started'],
    ['device', ready?.device ?? 'none'],
    ['not WebGPU because', ready?.fallbackCode ?? (ready?.device === 'cpu' ? 'the CPU was asked for' : null)],
    ['adapter', adapter],
    ['browser', userAgent],
    ['cores', cores],
    ['languages', languages.join(', ')],
    ['secure, isolated, online', [isSecureContext, crossOriginIsolated, onLine].join(', ')],
    ['service worker', serviceWorker ? (serviceWorker.controller ? 'in charge' : 'not in charge') : 'not offered'],
    ['images answered, failed', [reports.length, results.filter(({ error }) => error).length].join(', ')],
    ['last decode', reports[0] && ms(decode_ms)],
    ['last preprocess', reports[0] && ms(preprocess_ms)],
    ['last inference', reports[0] && ms(inference_ms)],
    // Of an image the code alone: its message may have the size.
    ['last error of an image', error?.code ?? 'none'],
    ['error of the start', failed ? `${failed.code}: ${failed.message}` : 'none'],
  ];
  return lines.flatMap(([name, value]) => (value === null || value === undefined ? [] : [`${name}: ${value}\n`])).join('');
}

/**
 * Copies the diagnostics of an element, and says so below the button.
 * @param {Words} words @param {{ diagnostics(): Promise<string> }} element @param {HTMLElement} button
 */
export async function copy(words, element, button) {
  const diagnosis = await element.diagnostics();
  const message = make('p', { class: 'diagnosis', part: 'diagnosis', role: 'status' });
  if (button.nextElementSibling?.matches('.diagnosis')) button.nextElementSibling.remove();
  button.after(message);
  try {
    await navigator.clipboard.writeText(diagnosis);
    message.textContent = `${words.text('copy.done')} ${words.text('diagnostics.holds')}`;
  } catch {
    const box = make('textarea', { readonly: true, rows: '8', 'aria-label': words.text('copy.label') });
    box.value = diagnosis;
    message.append(words.text('copy.failed'), box);
    box.select();
  }
}

/** The id of the release that the page is of. */
async function releaseOf() {
  try {
    const response = await fetch(new URL('release.json', assets.folder));
    return String((await response.json()).id).slice(0, 12);
  } catch {
    return 'unknown';
  }
}

/** What the browser says of its graphics adapter. */
async function adapterOf() {
  const { gpu } = /** @type {any} */ (navigator);
  if (!gpu) return 'no WebGPU here';
  try {
    const late = new Promise((resolve) => setTimeout(resolve, PATIENCE, undefined));
    const adapter = await Promise.race([gpu.requestAdapter(), late]);
    if (adapter === undefined) return 'no answer';
    if (!adapter) return 'none';
    const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info ?? {};
    const names = [vendor, architecture, device, description].filter(Boolean).join(' ');
    return `${names || 'unnamed'}${(isFallbackAdapter ?? adapter.isFallbackAdapter) ? ' (software)' : ''}`;
  } catch (thrown) {
    return `refused (${thrown instanceof Error ? thrown.name : thrown})`;
  }
}
