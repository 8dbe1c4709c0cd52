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

/** The share of images for which a prediction set names the right finding, among others or alone. */
const COVERAGE = 0.9;

/** Whether the network does not know the like of it. @param {Pick<Report, 'in_distribution'>} report */
export function unlike({ in_distribution }) {
  return in_distribution?.accepted === false;
}

/** `Normal or lung opacity: the model cannot tell these apart at 90 %.` @param {Words} words @param {Finding[]} set */
export function setWords(words, set) {
  const percent = words.text('number.percent', { number: COVERAGE * 100 });
  const [first, ...others] = FINDINGS.filter((finding) => set.includes(finding));
  if (!first) return words.text('set.none', { percent });
  if (others.length + 1 === FINDINGS.length) return words.text('set.all', { percent });
  if (others.length === 0) return words.text('set.one', { finding: findingWords(words, first), percent });
  const findings = words.either([findingWords(words, first), ...others.map((finding) => words.text(`within.${finding}`))]);
  return words.text('set.some', { findings, percent });
}

/**
 * A report in a line: `Lung opacity 52.3 %, or normal`.
 * @param {Words} words
 * @param {Pick<Report, 'finding' | 'probabilities' | 'prediction_set' | 'in_distribution'>} report
 */
export function outcomeWords(words, report) {
  if (unlike(report)) return words.text('result.unlike');
  const { finding, probabilities, prediction_set } = report;
  const others = FINDINGS.filter((name) => name !== finding && prediction_set?.includes(name));
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
