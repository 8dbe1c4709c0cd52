// @ts-check
/** What every engine's page has in common. */

/** @typedef {{ milliseconds: number, probabilities: number[] }} Run */

/**
 * Starts an engine, runs it once, and leaves both for the bench in `globalThis.bench`.
 * @param {(device: string) => Promise<() => Promise<Run>>} start gets everything ready and gives the function that runs
 *   the network once, from a finished input to a result read back
 */
export function measure(start) {
  const device = new URL(location.href).searchParams.get('device') ?? 'cpu';
  const begun = start(device);
  const first = begun.then(async (run) => {
    const result = await run();
    // The clock of a page starts with its navigation.
    return { first: performance.now(), run: result, device };
  });
  Object.assign(globalThis, { bench: { first, run: async () => (await begun)() } });
}

/** How many threads the engine may use; where they are more than one, the page is cross-origin isolated. */
export const threads = Number(new URL(location.href).searchParams.get('threads') ?? 1);
if (threads > 1 && !crossOriginIsolated) throw new Error('there are no threads on a page that is not cross-origin isolated');

/** Sums of evidence `[7, 7, 3]` over the places. @param {ArrayLike<number>} evidence */
export function logitsOf(evidence) {
  return [0, 1, 2].map((finding) => {
    let sum = 0;
    for (let at = finding; at < evidence.length; at += 3) sum += evidence[at];
    return sum;
  });
}

/** The probabilities of calibrated logits. @param {number[]} logits */
export function softmax(logits) {
  const top = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - top));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

/** @param {string} url */
export async function fetchBytes(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.arrayBuffer();
}
