// @ts-check
/**
 * The evidence map as a picture.
 *
 * @import { Finding, Report } from '../protocol.js'
 */

/** Pixels of the painted map on a side: a whole number per cell, and small to keep for every card. */
const SIDE = 196;

/**
 * For and against: orange and blue of Okabe and Ito's palette, told apart with every kind of colour vision, and bright
 * enough for the black of a radiograph.
 */
const FOR = [240, 150, 20];
const AGAINST = [70, 160, 235];

/**
 * What speaks for one finding rather than the others: its evidence less the mean over all findings, cell by cell.
 * What is common to all findings moves no probability, so it is left out.
 * @param {Report['evidence']} evidence
 * @param {Finding} finding
 * @returns {number[][]} 7 rows of 7, in logit units
 */
export function contrast(evidence, finding) {
  const maps = Object.values(evidence);
  return evidence[finding].map((row, y) => row.map((value, x) => value - maps.reduce((sum, map) => sum + map[y][x], 0) / maps.length));
}

/**
 * The value that gets full colour: the largest magnitude of any finding's contrast, so that switching between findings
 * compares like with like.
 * @param {Report['evidence']} evidence
 */
export function contrastScale(evidence) {
  const findings = /** @type {Finding[]} */ (Object.keys(evidence));
  return Math.max(1e-6, ...findings.flatMap((finding) => contrast(evidence, finding).flat().map(Math.abs)));
}

/**
 * Bilinear between the centres of the cells; beyond the outermost centres the edge value goes on.
 * @param {number[][]} map
 * @param {number} u 0 = left edge .. 1 = right edge
 * @param {number} v 0 = top edge .. 1 = bottom edge
 */
export function sample(map, u, v) {
  const rows = map.length;
  const columns = map[0].length;
  const x = Math.min(Math.max(u * columns - 0.5, 0), columns - 1);
  const y = Math.min(Math.max(v * rows - 0.5, 0), rows - 1);
  const left = Math.min(Math.floor(x), columns - 2);
  const top = Math.min(Math.floor(y), rows - 2);
  const [dx, dy] = [x - left, y - top];
  const above = map[top][left] * (1 - dx) + map[top][left + 1] * dx;
  const below = map[top + 1][left] * (1 - dx) + map[top + 1][left + 1] * dx;
  return above * (1 - dy) + below * dy;
}

/**
 * Paints a map: hue says for or against, opacity how much.
 * @param {HTMLCanvasElement} canvas
 * @param {number[][]} map
 * @param {number} scale the magnitude that gets full colour
 */
export function paint(canvas, map, scale) {
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext('2d');
  if (!context) return;
  const image = context.createImageData(SIDE, SIDE);
  for (let y = 0, at = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++, at += 4) {
      const value = sample(map, (x + 0.5) / SIDE, (y + 0.5) / SIDE) / scale;
      image.data.set(value >= 0 ? FOR : AGAINST, at);
      image.data[at + 3] = 255 * Math.min(1, Math.abs(value));
    }
  }
  context.putImageData(image, 0, 0);
}
