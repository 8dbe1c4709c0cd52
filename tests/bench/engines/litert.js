// @ts-check
/**
 * LiteRT.js on the network that `tflite.py` writes, in f32: from weights in 8 or 16 bits it computes 4 to 6 times slower.
 *
 * The weights come as our bundle does, in 8 bits, and are put into the file that the runtime gets.
 */

import { read } from './bundle.js';
import { fetchBytes, logitsOf, measure, softmax, threads } from './page.js';

measure(async (device) => {
  const jspi = new URL(location.href).searchParams.has('jspi');
  // The runtime asks for a WebGPU device on the CPU too, and would wait for it.
  if (device === 'cpu') Object.defineProperty(navigator, 'gpu', { value: undefined });
  const [litert, model, values] = await Promise.all([
    import('@litertjs/core').then(async (litert) => {
      await litert.loadLiteRt('/litert-wasm/', threads > 1 ? { threads: true } : jspi ? { jspi: true } : {});
      return litert;
    }),
    Promise.all([fetchBytes('/model.parts'), fetchBytes('/model.safetensors')]).then(([parts, bundle]) => whole(parts, bundle)),
    fetchBytes('/input.nhwc').then((buffer) => new Float32Array(buffer)),
  ]);
  const compiled = await litert.loadAndCompile(model, {
    accelerator: device === 'cpu' ? 'wasm' : 'webgpu',
    ...(threads > 1 && { cpuOptions: { numThreads: threads } }),
    ...(device === 'webgpu' && { gpuOptions: { precision: 'fp32' } }),
  });
  if (compiled.isFullyAccelerated !== true) throw new Error('LiteRT.js runs some of the network on slow kernels');
  return async () => {
    const start = performance.now();
    const input = new litert.Tensor(values, [1, 224, 224, 3]);
    const [output] = await compiled.run([input]);
    // `[1, 7, 7, 3]`
    const evidence = await output.data();
    const milliseconds = performance.now() - start;
    const probabilities = softmax(logitsOf(evidence));
    input.delete();
    output.delete();
    return { milliseconds, probabilities };
  };
});

/**
 * Where a parameter of the bundle goes, and what becomes of it on the way: `value * scale * rows[row] + plus[row]`.
 * @typedef {{ at: number, bytes: number, name: string, depthwise: boolean, scale: number, rows: number[] | null, plus: number[] | null }} Place
 */

/**
 * The `.tflite` with its weights.
 * @param {ArrayBuffer} parts a line of JSON, and all but the weights
 * @param {ArrayBuffer} bundle
 * @returns {Uint8Array}
 */
function whole(parts, bundle) {
  const rest = new Uint8Array(parts);
  let from = rest.indexOf(10) + 1;
  /** @type {{ bytes: number, weights: Place[] }} */
  const { bytes, weights } = JSON.parse(new TextDecoder().decode(rest.subarray(0, from)));
  const { tensors } = read(bundle);
  const file = new Uint8Array(bytes);
  let to = 0;
  for (const place of weights) {
    file.set(rest.subarray(from, from + place.at - to), to);
    from += place.at - to;
    const tensor = tensors.get(place.name);
    if (tensor?.values.length !== place.bytes / 4) throw new Error(`the bundle has no ${place.name} that fits`);
    // Buffers of the format begin at multiples of 16.
    channelsLast(tensor, place, new Float32Array(file.buffer, place.at, place.bytes / 4));
    to = place.at + place.bytes;
  }
  file.set(rest.subarray(from), to);
  return file;
}

/**
 * `[out, in, y, x]` to `[out, y, x, in]`, of a depthwise kernel `[channels, 1, y, x]` to `[1, y, x, channels]`.
 * @param {import('./bundle.js').Weight} tensor @param {Place} place @param {Float32Array} out
 */
function channelsLast({ shape, values }, { depthwise, scale, rows, plus }, out) {
  const [outputs, inputs = 1, height = 1, width = 1] = shape;
  const positions = height * width;
  for (let output = 0, at = 0; output < outputs; output++) {
    const [factor, summand] = [scale * (rows?.[output] ?? 1), plus?.[output] ?? 0];
    for (let input = 0; input < inputs; input++)
      for (let position = 0; position < positions; position++, at++)
        out[depthwise ? position * outputs + output : (output * positions + position) * inputs + input] = values[at] * factor + summand;
  }
}
