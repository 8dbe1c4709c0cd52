// @ts-check
/**
 * What a report says at another operating point. The network is not asked again: between two points of a bundle nothing differs but
 * what is added to each logit, and the thresholds of the prediction sets. A test holds it to what the WebAssembly says at that point.
 *
 * @import { ModelInfo, OperatingPoint, Report } from '../protocol.js'
 */

/** @typedef {Omit<Report, 'evidence'>} Told */

/**
 * A report at the operating point of this name, without one at the default; null where the bundle has none of them.
 * @template {Report['evidence'] | null} E
 * @param {Told} report
 * @param {E} evidence null where it is no longer kept
 * @param {ModelInfo} model
 * @param {string | null} name
 * @returns {{ report: Told, evidence: E } | null}
 */
export function weighed(report, evidence, { operating_points: points = [], default_operating_point: usual }, name) {
  const [before, after] = [report.operating_point, name ?? usual].map((wanted) => points.find((point) => point.name === wanted));
  if (!before || !after) return null;
  const ids = Object.keys(report.probabilities);
  const change = (/** @type {string} */ id) => after.offsets[id] - before.offsets[id];
  const logits = ids.map((id) => Math.log(report.probabilities[id]) + change(id));
  const top = Math.max(...logits);
  const whole = logits.reduce((sum, logit) => sum + Math.exp(logit - top), 0);
  const shares = ids.map((id, at) => /** @type {[string, number]} */ ([id, Math.exp(logits[at] - top) / whole]));
  // Stable: of equals the first stays the first.
  const falling = shares.toSorted(([, a], [, b]) => b - a);
  return {
    report: {
      ...report,
      finding: falling[0][0],
      probabilities: Object.fromEntries(shares),
      prediction_set: setOf(falling, after),
      operating_point: after.name,
    },
    evidence: /** @type {E} */ (evidence && Object.fromEntries(Object.entries(evidence).map(([id, map]) => [id, moved(map, change(id))]))),
  };
}

/** The most probable finding and those that reach their threshold. @param {Array<[string, number]>} falling @param {OperatingPoint} point */
function setOf(falling, { prediction_sets: sets }) {
  if (!sets) return null;
  const findings = falling.filter(([id, share], at) => at === 0 || share >= sets.thresholds[id]).map(([id]) => id);
  return { coverage: sets.coverage, findings };
}

/** An offset is divided among the cells of its map. @param {number[][]} map @param {number} change */
function moved(map, change) {
  const count = map.length * map[0].length;
  return map.map((row) => row.map((value) => value + change / count));
}
