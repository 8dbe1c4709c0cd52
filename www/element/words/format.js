// @ts-check
/**
 * Numbers and names as a reader wants them; a number and its unit stay on one line.
 *
 * @import { Device, Finding, FindingInfo, ModelInfo, Report } from '../protocol.js'
 * @import { Words } from './words.js'
 */

/** What a model's findings are called, in the order of its rows; what is needed of its metadata. @typedef {Pick<ModelInfo, 'findings' | 'set_sentences'>} Model */

/** What is needed of a report to say what the image may show. @typedef {Pick<Report, 'finding' | 'probabilities' | 'prediction_set'>} Told */

/** A finding with this probability is named as possible, whatever the set says: words and bars must agree. */
const POSSIBLE = 0.25;

/**
 * What a spreadsheet would take for a formula: at the beginning of a cell, or of what becomes a cell of its own where it divides at
 * another sign than the comma.
 */
const FORMULA = /(^|[,;\t|\r\n])(\s*)(?=[=+\-@\uFF1D\uFF0B\uFF0D\uFF20])/g;

/**
 * The findings of a report in the order of the bundle's rows. Those of a bundle that nobody has at hand are called by their ids.
 * @param {Pick<Report, 'probabilities'>} report
 * @param {Model} model
 * @returns {FindingInfo[]}
 */
export function findingsOf({ probabilities }, { findings = [] }) {
  const ids = Object.keys(probabilities);
  const known = new Map(findings.map((finding) => [finding.id, finding]));
  if (ids.length === known.size && ids.every((id) => known.has(id))) return findings;
  return ids.map((id) => ({ id, name: id.replaceAll('_', ' ') }));
}

/** The most likely finding of a report. @param {Pick<Report, 'finding' | 'probabilities'>} report @param {Model} model */
export function foundIn(report, model) {
  return findingsOf(report, model).find(({ id }) => id === report.finding) ?? { id: report.finding, name: report.finding };
}

/** What a finding is called by itself: in our words where we have some for its id, else as the bundle calls it. @param {Words} words @param {FindingInfo} finding */
export function findingWords(words, { id, name, translations }) {
  return words.known('finding', id) ?? translations?.[words.lang] ?? name;
}

/** What it is called within a sentence. @param {Words} words @param {FindingInfo} finding */
export function withinWords(words, finding) {
  return words.known('within', finding.id) ?? words.apart(findingWords(words, finding));
}

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
 * @param {Told} report
 * @param {Model} model
 */
export function alsoPossible(report, model) {
  const set = predictionSet(report);
  return set && findingsOf(report, model).filter(({ id }) => id !== report.finding && (set.findings.includes(id) || report.probabilities[id] >= POSSIBLE));
}

/** `Unsure: normal or lung opacity.` @param {Words} words @param {Told} report @param {Model} model */
export function setWords(words, report, model) {
  const others = alsoPossible(report, model);
  if (!others) return '';
  if (others.length === 0) return words.text('set.one', { finding: words.known('finding', report.finding) ?? withinWords(words, foundIn(report, model)) });
  const all = findingsOf(report, model);
  if (others.length + 1 === all.length) return words.text('set.all');
  const findings = all.filter((finding) => finding.id === report.finding || others.includes(finding));
  return words.text('set.some', { findings: words.either(findings.map((finding) => withinWords(words, finding))) });
}

/**
 * What the bundle says of images that may show just these findings, and in which language; undefined where it says nothing.
 * @param {Words} words @param {Told} report @param {Model} model
 */
export function setSentence(words, report, model) {
  const others = alsoPossible(report, model);
  if (!others) return undefined;
  const held = new Set([report.finding, ...others.map(({ id }) => id)]);
  const found = model.set_sentences?.find(({ findings }) => findings.length === held.size && findings.every((id) => held.has(id)));
  const translated = found?.translations?.[words.lang];
  return found && { text: translated ?? found.sentence, lang: translated === undefined ? 'en' : words.lang };
}

/**
 * A report in a line: `Lung opacity 52.3 %, or normal`.
 * @param {Words} words
 * @param {Told & Pick<Report, 'in_distribution'>} report
 * @param {Model} model
 */
export function outcomeWords(words, report, model) {
  if (unlike(report)) return words.text('result.unlike');
  const { finding, probabilities } = report;
  const others = alsoPossible(report, model) ?? [];
  const found = { finding: findingWords(words, foundIn(report, model)), percent: percent(words, probabilities[finding]) };
  if (others.length === 0) return words.text('result.outcome', found);
  return words.text('result.outcomeOr', { ...found, others: words.either(others.map((other) => withinWords(words, other))) });
}

/**
 * Which operating point answered, where it is not the default of its bundle; empty where it is, or nobody knows.
 * @param {Words} words
 * @param {Pick<Report, 'operating_point'>} report
 * @param {Pick<ModelInfo, 'operating_points' | 'default_operating_point'>} model
 */
export function pointWords(words, { operating_point: name }, { operating_points: points = [], default_operating_point: usual }) {
  if (!name || !usual || name === usual) return '';
  const { translations = {}, description = '' } = points.find((point) => point.name === name) ?? {};
  return words.known('point', name) ?? words.text('point.answered', { point: words.apart(translations[words.lang] ?? (description || name)) });
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

/** A text in which no spreadsheet finds a formula. @param {string} text */
export function guarded(text) {
  return text.replace(FORMULA, "$1$2'");
}
