// @ts-check
/**
 * The results as a file: a workbook or CSV for spreadsheets, JSON for programs. What a file says of its patient is in neither, because it is
 * in no report; what the file is called is.
 *
 * @import { Finding, Format, Result } from '../protocol.js'
 */

import { guarded, predictionSet, unlike } from '../words/format.js';

/** A number that is taken for a thousand times as much where the point divides thousands. */
const THOUSANDS = /^-?\d+\.\d{3}$/;

/** A column of the CSV: what it is called, and what stands in it. @typedef {[string, (result: Result) => string | number | boolean | null | undefined]} Column */

/** The columns before those of the findings; no finding where the image does not look like a chest X-ray: it means nothing then. @type {Column[]} */
const BEFORE = [
  ['name', ({ name }) => name],
  ['state', ({ state }) => state],
  ['finding', ({ report }) => (report && !unlike(report) ? report.finding : null)],
];

/** Those after them. @type {Column[]} */
const AFTER = [
  ['prediction_set', ({ report }) => report && predictionSet(report)?.findings.join('; ')],
  ['likeness', ({ report }) => report?.in_distribution?.score],
  ['looks_like_chest_xray', ({ report }) => report?.in_distribution?.accepted],
  ['cautions', ({ report }) => report?.cautions?.map(({ code }) => code).join('; ')],
  ['error', ({ error }) => error?.code],
  ['model', ({ report }) => report?.model],
  ['operating_point', ({ report }) => report?.operating_point],
  ['device', ({ report }) => report?.device],
  ['milliseconds', ({ report }) => report && wholeTime(report.timings)],
];

/**
 * @param {Result[]} results
 * @param {Format} format
 * @param {Promise<typeof import('./xlsx.js')> | null} [xlsx] what writes workbooks, from whoever fetches it better
 * @returns {Promise<Blob>}
 */
export async function resultsFile(results, format, xlsx = null) {
  if (format === 'xlsx') return (await (xlsx ?? import('./xlsx.js'))).workbook(table(results));
  if (format === 'json') return new Blob([`${JSON.stringify(results, null, 2)}\n`], { type: 'application/json' });
  const lines = table(results).map((row) => row.map(cell));
  // Without the mark at the front, spreadsheets take UTF-8 for something else; without the first line, those of half the world divide
  // at semicolons.
  return new Blob(['\ufeffsep=,\r\n', ...lines.map((line) => `${line.join(',')}\r\n`)], { type: 'text/csv;charset=utf-8' });
}

/** The results as rows under a head. @param {Result[]} results */
export function table(results) {
  const columns = [...BEFORE, ...probabilities(results), ...AFTER];
  return [columns.map(([name]) => name), ...results.map((result) => columns.map(([, value]) => value(result) ?? ''))];
}

/** A column for each finding; those of two models that are called alike but for their signs share one. @param {Result[]} results @returns {Column[]} */
function probabilities(results) {
  /** @type {Map<string, Finding[]>} */
  const columns = new Map();
  for (const finding of new Set(results.flatMap(({ report }) => Object.keys(report?.probabilities ?? {})))) {
    const name = `probability_${finding.toLowerCase().replace(/[^\p{L}\p{N}\p{M}]+/gu, '_')}`;
    columns.set(name, [...(columns.get(name) ?? []), finding]);
  }
  return [...columns].map(([name, ids]) => [name, ({ report }) => ids.map((id) => report?.probabilities[id]).find((value) => value !== undefined)]);
}

/** What a file of results is called: by the day where it is saved. @param {Format} format @param {Date} [now] */
export function fileName(format, now = new Date()) {
  const two = (/** @type {number} */ number) => String(number).padStart(2, '0');
  return `lung-results-${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}.${format}`;
}

/** Has the browser save a file. @param {Blob} file @param {string} name */
export function save(file, name) {
  const address = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  // It is read after this function has returned.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** A cell of RFC 4180: each text in quotes, whatever is in it. @param {string | number | boolean} value */
function cell(value) {
  if (typeof value !== 'string') return String(value).replace(THOUSANDS, '$&0');
  return `"${guarded(value).replaceAll('"', '""')}"`;
}

/** @param {NonNullable<Result['report']>['timings']} timings */
function wholeTime({ decode_ms = 0, preprocess_ms, inference_ms }) {
  return Math.round((decode_ms + preprocess_ms + inference_ms) * 10) / 10;
}

/** A browser that prints says so within this time, in milliseconds, and is done with it within the other. */
const [PRINTS, PRINTED_BY] = [1000, 60_000];

/**
 * Prints an element alone: of the page around it nothing but what it stands in. A new style sheet, because a policy may refuse others.
 * @param {Element} element
 * @returns {Promise<boolean>} whether the browser has begun to: a sandboxed frame may not
 */
export async function printAlone(element) {
  const view = element.ownerDocument.defaultView ?? globalThis;
  /** @type {Element[]} */
  const hosts = [];
  for (let at = /** @type {Element | null} */ (element); at;) {
    const root = at.getRootNode();
    at = 'host' in root ? /** @type {ShadowRoot} */ (root).host : null;
    if (at) hosts.push(at);
  }
  const host = hosts.at(-1) ?? element;
  const sheet = new view.CSSStyleSheet();
  sheet.replaceSync(`@media print { body *:not(:has([${PRINTED}]), [${PRINTED}], [${PRINTED}] *) { display: none !important; }
    :is(html, body, :has([${PRINTED}])) { display: block !important; margin: 0 !important; padding: 0 !important; border: 0 !important; height: auto !important; min-height: 0 !important; max-width: none !important; width: auto !important; overflow: visible !important; position: static !important; background: none !important; }
    @page { margin: 14mm; } }`);
  host.setAttribute(PRINTED, '');
  const { adoptedStyleSheets } = element.ownerDocument;
  element.ownerDocument.adoptedStyleSheets = [...adoptedStyleSheets, sheet];
  const undo = () => {
    host.removeAttribute(PRINTED);
    element.ownerDocument.adoptedStyleSheets = element.ownerDocument.adoptedStyleSheets.filter((other) => other !== sheet);
  };
  let begun = false;
  view.addEventListener('beforeprint', () => (begun = true), { once: true });
  view.addEventListener('afterprint', undo, { once: true });
  view.print();
  if (!begun) await new Promise((resolve) => setTimeout(resolve, PRINTS));
  // Nobody says that it is over; a browser that has not said that it began may be printing all the same.
  if (!begun) setTimeout(undo, PRINTED_BY);
  return begun;
}

/** Marks what is printed. */
const PRINTED = 'data-lung-printed';
