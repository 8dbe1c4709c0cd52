// @ts-check
/**
 * Numbers and names as a reader wants them; a number and its unit stay on one line.
 *
 * @import { Device, Finding, Report } from './protocol.js'
 * @import { Words } from './words.js'
 */

/** The findings in the order they are shown. @type {ReadonlyArray<Finding>} */
export const FINDINGS = ['Normal', 'Lung_Opacity', 'Viral Pneumonia'];

/** @param {Words} words @param {Finding} finding */
export function findingWords(words, finding) {
  return words.text(`finding.${finding}`);
}

/** A finding with this probability is named as possible, whatever the set says: words and bars must agree. */
const POSSIBLE = 0.25;

/** Whether the network does not know the like of it. @param {Pick<Report, 'in_distribution'>} report */
export function unlike({ in_distribution }) {
  return in_distribution?.accepted === false;
}

/**
 * What a report says that the image may show, and for which share of images that holds. The most likely finding is always among it.
 * Null where the bundle has no thresholds.
 * @param {Pick<Report, 'finding' | 'prediction_set'>} report
 * @returns {{ findings: Finding[], coverage: number | null } | null}
 */
export function predictionSet({ finding, prediction_set: set }) {
  if (!set) return null;
  const { findings, coverage } = Array.isArray(set) ? { findings: set, coverage: null } : set;
  return { findings: findings.includes(finding) ? findings : [finding, ...findings], coverage };
}

/**
 * The findings beside the most likely one that a reader should think of; null where the bundle has no thresholds.
 * @param {Pick<Report, 'finding' | 'probabilities' | 'prediction_set'>} report
 */
export function alsoPossible(report) {
  const set = predictionSet(report);
  return set && FINDINGS.filter((name) => name !== report.finding && (set.findings.includes(name) || report.probabilities[name] >= POSSIBLE));
}

/** `Unsure: normal or lung opacity.` @param {Words} words @param {Pick<Report, 'finding' | 'probabilities' | 'prediction_set'>} report */
export function setWords(words, report) {
  const others = alsoPossible(report);
  if (!others) return '';
  if (others.length === 0) return words.text('set.one', { finding: findingWords(words, report.finding) });
  if (others.length + 1 === FINDINGS.length) return words.text('set.all');
  const findings = FINDINGS.filter((name) => name === report.finding || others.includes(name));
  return words.text('set.some', { findings: words.either(findings.map((name) => words.text(`within.${name}`))) });
}

/**
 * A report in a line: `Lung opacity 52.3 %, or normal`.
 * @param {Words} words
 * @param {Pick<Report, 'finding' | 'probabilities' | 'prediction_set' | 'in_distribution'>} report
 */
export function outcomeWords(words, report) {
  if (unlike(report)) return words.text('result.unlike');
  const { finding, probabilities } = report;
  const others = alsoPossible(report) ?? [];
  const found = { finding: findingWords(words, finding), percent: percent(words, probabilities[finding]) };
  if (others.length === 0) return words.text('result.outcome', found);
  return words.text('result.outcomeOr', { ...found, others: words.either(others.map((name) => words.text(`within.${name}`))) });
}

/** @param {Words} words @param {Device} device */
export function deviceWords(words, device) {
  return words.text(`device.${device}`);
}

/** `0.4567` -> `45.7 %`; never a full `100 %` or a bare `0 %`, which no network knows. @param {Words} words @param {number} share */
export function percent(words, share) {
  const write = (/** @type {number} */ share) => words.text('number.percent', { number: words.number(share * 100, 1) });
  if (share > 0.999) return words.text('number.above', { value: write(0.999) });
  if (share < 0.001) return words.text('number.below', { value: write(0.001) });
  return write(share);
}

/** `0.951` -> `95 %`. @param {Words} words @param {number} share */
export function wholePercent(words, share) {
  return words.text('number.percent', { number: words.number(share * 100) });
}

/** Fewer bytes than this are counted in kilobytes. */
const KILOBYTES = 100_000;

/** `1234567` -> `1.2 MB`. @param {Words} words @param {number} bytes */
export function megabytes(words, bytes) {
  return bytes < KILOBYTES
    ? words.text('number.kilobytes', { number: kilobytes(bytes) })
    : words.text('number.megabytes', { number: words.number(bytes / 1e6, 1) });
}

/** @param {number} bytes */
function kilobytes(bytes) {
  return Math.max(bytes > 0 ? 1 : 0, Math.round(bytes / 1000));
}

/** `1.2 of 4.6 MB`, or what has arrived while the whole is unknown. @param {Words} words @param {number} loaded @param {number | null} total */
export function share(words, loaded, total) {
  if (total === null) return megabytes(words, loaded);
  return total < KILOBYTES
    ? words.text('number.kilobytesOf', { loaded: kilobytes(loaded), total: kilobytes(total) })
    : words.text('number.megabytesOf', { loaded: words.number(loaded / 1e6, 1), total: words.number(total / 1e6, 1) });
}

/** `3.21` -> `3.2 ms`, `1234` -> `1.23 s`. @param {Words} words @param {number} ms */
export function duration(words, ms) {
  if (ms >= 1000) return words.text('number.seconds', { number: words.number(ms / 1000, 2) });
  return words.text('number.milliseconds', { number: words.number(ms, ms >= 10 ? 0 : 1) });
}

/** A value of a DICOM file, or a difference of two. @param {Words} words @param {number} value */
export function level(words, value) {
  return words.number(value, Number.isInteger(value) ? 0 : Math.abs(value) < 10 ? 2 : 1);
}
