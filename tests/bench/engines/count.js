// @ts-check
/**
 * Counts GPU dispatches, in a page or a worker, from before any engine has run. On the channel `dispatches`, the message
 * `count` is answered with how many there were since the last time.
 */
(() => {
  const prototype = /** @type {any} */ (globalThis).GPUComputePassEncoder?.prototype;
  if (!prototype) return;
  let count = 0;
  for (const name of ['dispatchWorkgroups', 'dispatchWorkgroupsIndirect']) {
    const original = prototype[name];
    /** @this {any} @param {...any} given */
    prototype[name] = function (...given) {
      count += 1;
      return original.apply(this, given);
    };
  }
  const channel = new BroadcastChannel('dispatches');
  channel.addEventListener('message', ({ data }) => {
    if (data !== 'count') return;
    channel.postMessage({ count });
    count = 0;
  });
})();
