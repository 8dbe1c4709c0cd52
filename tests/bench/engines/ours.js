// @ts-check
/**
 * The real element, as a site that embeds it has it: this is all of the bench that knows our page.
 *
 * The first result is that of a PNG, decoded and preprocessed by us; the time of a run is the report's own, from the
 * network's input to the evidence read back, which is what is timed of the peers.
 */

import { measure } from './page.js';
// @ts-expect-error: served, not beside this file
import '/ours/element/define.js';

/** Milliseconds in which a card has been drawn. */
const DRAWN = 50;

const shown = new URL(location.href).searchParams.has('shown');

const FINDINGS = ['Normal', 'Lung_Opacity', 'Viral Pneumonia'];

/** On its way as the peers' input is, while the element starts. */
const input = fetch('/input.png').then((response) => response.blob());

measure(async (device) => {
  const element = /** @type {any} */ (document.createElement('lung-xray-classifier'));
  element.setAttribute('device', device);
  element.setAttribute('multiple', '');
  document.body.append(element);
  // The element starts by itself; an image that comes before it has started waits its turn.
  const image = await input;
  let number = 0;
  return async () => {
    if (number > 0) {
      // Only the first result is drawn: the peers draw none, and it would take the core that a second thread computes on.
      if (!shown) element.style.display = 'none';
      // Of the images that memory is measured with, each card is drawn.
      else await new Promise((resolve) => setTimeout(resolve, DRAWN));
    }
    const report = await element.classify(image, `${(number += 1)}.png`);
    // The element falls back to the CPU where it must: that would be another row of the table.
    if (report.device !== device) throw new Error(`asked for ${device}, ran on ${report.device}`);
    return {
      milliseconds: report.timings.inference_ms,
      probabilities: FINDINGS.map((finding) => report.probabilities[finding]),
    };
  };
});
