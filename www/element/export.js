// @ts-check
/**
 * The results as a file: CSV for spreadsheets, JSON for programs. What a file says of its patient is in neither, because it is
 * in no report; what the file is called is.
 *
 * @import { Result } from './protocol.js'
 */

import { FINDINGS, unlike } from './format.js';

/** A cell that a spreadsheet would take for a formula. */
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/;

/**
 * The columns of the CSV, and what stands in each. The finding is left out where the image does not look like a chest X-ray,
 * because it means nothing then.
 * @type {Array<[string, (result: Result) => string | number | boolean | null | undefined]>}
 */
const COLUMNS = [
  ['name', ({ name }) => name],
  ['state', ({ state }) => state],
  ['finding', ({ report }) => (report && !unlike(report) ? report.finding : null)],
  ...FINDINGS.map((finding) => /** @type {(typeof COLUMNS)[number]} */ ([
    `probability_${finding.toLowerCase().replace(' ', '_')}`,
    ({ report }) => report?.probabilities[finding],
  ])),
  ['prediction_set', ({ report }) => report?.prediction_set?.join('; ')],
  ['likeness', ({ report }) => report?.in_distribution?.score],
  ['looks_like_chest_xray', ({ report }) => report?.in_distribution?.accepted],
  ['cautions', ({ report }) => report?.cautions?.map(({ code }) => code).join('; ')],
  ['error', ({ error }) => error?.code],
  ['model', ({ report }) => report?.model],
  ['device', ({ report }) => report?.device],
  ['milliseconds', ({ report }) => report && wholeTime(report.timings)],
];

/**
 * @param {Result[]} results
 * @param {'csv' | 'json'} format
 * @returns {Blob}
 */
export function resultsFile(results, format) {
  if (format === 'json') return new Blob([`${JSON.stringify(results, null, 2)}\n`], { type: 'application/json' });
  const lines = [COLUMNS.map(([name]) => name), ...results.map((result) => COLUMNS.map(([, value]) => cell(value(result) ?? '')))];
  // Without the mark at the front, spreadsheets take UTF-8 for something else.
  return new Blob(['\ufeff', ...lines.map((line) => `${line.join(',')}\r\n`)], { type: 'text/csv;charset=utf-8' });
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

/** A cell of RFC 4180. @param {string | number | boolean} value */
function cell(value) {
  if (typeof value !== 'string') return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** @param {NonNullable<Result['report']>['timings']} timings */
function wholeTime({ decode_ms = 0, preprocess_ms, inference_ms }) {
  return Math.round((decode_ms + preprocess_ms + inference_ms) * 10) / 10;
}
