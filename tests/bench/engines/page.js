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
